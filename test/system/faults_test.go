package system

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"starling/images"
	"starling/servers/manifest"
)

const faultScenario = "effects that add up"

// A short campaign on machines: what is struck is not noticed, or as it must be.
func TestFaultCampaignOnMachines(t *testing.T) {
	r := run(t, "", starling(t), "faults", "--tier", "qemu", "--seed", "3", "--runs", "5", "--scenario", faultScenario, "--json", "-")
	var report struct {
		Tier  string
		Runs  int
		Cells []struct {
			Wire, Message, Fault string
			Activated            int
		}
		Findings []struct {
			What   []string
			Repeat string
		}
	}
	if err := json.Unmarshal([]byte(r.Out), &report); err != nil {
		t.Fatalf("status %d, %v: %.2000s %.2000s", r.Status, err, r.Out, r.Err)
	}
	struck := 0
	for _, c := range report.Cells {
		if c.Activated > 0 {
			struck++
		}
	}
	if r.Status != 0 || report.Tier != "qemu" || report.Runs != 5 || len(report.Findings) > 0 || struck < 5 {
		t.Errorf("status %d, %d runs, %d cells struck, findings %v", r.Status, report.Runs, struck, report.Findings)
	}
}

// Messages of every class are struck in one machine, and the same case is the same run.
func TestAFaultOnAMachineRepeats(t *testing.T) {
	args := []string{"faults", "--tier", "qemu", "--scenario", faultScenario}
	for _, rule := range []string{
		"program>linux syscall duplicate 10", "program>linux exception stale-sequence", "program>pager fault delay 5 9",
		"linux>program reply double-reply 7", "pager>program reply hostile-registers 4 99", "linux>pager space-fork-answer drop",
		"linux>pager object-create flip 0 77", "linux>console write truncate 0 3", "root>linux state-answer stale-generation",
	} {
		args = append(args, "--rule", rule)
	}
	r := run(t, "", starling(t), args...)
	hash := regexp.MustCompile("trace hash ([0-9a-f]{16})").FindStringSubmatch(r.Out)
	if r.Status != 0 || hash == nil || !strings.Contains(r.Out, ": unnoticed, ") {
		t.Fatalf("status %d: %s%s", r.Status, r.Out, r.Err)
	}
	if missed := strings.Count(r.Out, "did not strike"); missed > 1 { // this scenario has no exception of its own
		t.Errorf("%d faults did not strike: %s", missed, r.Out)
	}
	if r := run(t, "", starling(t), append(args, "--hash", hash[1])...); r.Status != 0 {
		t.Errorf("again: status %d: %s%s", r.Status, r.Out, r.Err)
	}
}

// What campaigns on machines found stays found out. docs/faults.md tells of it.
func TestOnceFoundOnMachines(t *testing.T) {
	for _, c := range []struct{ scenario, rule string }{
		{"children end in every way", "program>linux report hang-after 35"},
		{"memory and file pages come and go", "linux>console write crash-after 1"},
		{"memory and file pages come and go", "linux>console write crash-after 2"},
	} {
		r := run(t, "", starling(t), "faults", "--tier", "qemu", "--scenario", c.scenario, "--rule", c.rule)
		if r.Status != 0 || strings.Contains(r.Out, "did not strike") {
			t.Errorf("%s, %s: status %d: %s%s", c.scenario, c.rule, r.Status, r.Out, r.Err)
		}
	}
}

// With a lab in every wire of the manifest that does nothing programs run as without: neither end knows.
func TestALabInEveryWire(t *testing.T) {
	m, err := manifest.Parse(images.SystemManifest)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--lab", "program>linux", "--lab", "program>pager"}
	for _, w := range m.Wires {
		args = append(args, "--lab", w.From+">"+w.To)
	}
	r := guest(t, "line\n", append(args, "--", "sh", "-c", "read x; echo $x | tr l L; kill -9 $$")...)
	if r.Status != 128+9 || r.Out != "Line\n" || r.Err != "" {
		t.Errorf("%+v", r)
	}
}

// Whatever root is asked and told meanwhile: without the pager the machine says so and stops, a console is started again
// as often as the manifest lets it, and so is the personality, with its program.
func TestDeathsOfServers(t *testing.T) {
	for _, c := range []struct {
		rules   []string
		outcome string
	}{
		{[]string{"program>pager fault crash-after 3"}, "stopped"},
		{[]string{"linux>pager object-create hang-before 2"}, "stopped"},
		{[]string{"linux>console write crash-before 0", "linux>console write hang-before 2"}, "harmed"},
		{[]string{"program>linux syscall hang-after 20"}, "restarted"},
	} {
		args := []string{"faults", "--tier", "qemu", "--scenario", faultScenario}
		for _, r := range c.rules {
			args = append(args, "--rule", r)
		}
		if r := run(t, "", starling(t), args...); r.Status != 0 || !strings.Contains(r.Out, ": "+c.outcome+", ") || strings.Contains(r.Out, "did not strike") {
			t.Errorf("%q: status %d: %s%s", c.rules, r.Status, r.Out, r.Err)
		}
	}
}

// Names that mean nothing are refused before anything is built or booted, with those that would.
func TestFaultNames(t *testing.T) {
	for _, c := range []struct{ flag, value, want string }{
		{"--rule", "linux>nobody map drop", "no wire linux>nobody; there are: program>linux, "},
		{"--rule", "linux>pager map explode", "no fault explode; there are: drop, delay, "},
		{"--rule", "linux>pager map swap", "no fault of linux>pager map is called swap; there are: drop, "},
		{"--message", "shout", "no message shout; there are: syscall, "},
		{"--html", "/no/such/folder/report.html", "no such file or directory"},
		{"--json", "/", "is a directory"},
	} {
		if r := run(t, "", starling(t), "faults", "--tier", "qemu", c.flag, c.value); r.Status != 125 || !strings.Contains(r.Err, c.want) {
			t.Errorf("%s %q: status %d, %q", c.flag, c.value, r.Status, r.Err)
		}
	}
	if r := run(t, "", starling(t), "run", "--lab", "linux>nobody", "--", "true"); r.Status != 125 || !strings.Contains(r.Err, "no wire linux>nobody; there are: ") {
		t.Errorf("status %d, %q", r.Status, r.Err)
	}
}

// Ctrl-C ends a campaign with what it saw, and no machine outlives it.
func TestAFaultCampaignIsInterrupted(t *testing.T) {
	mark := "STARLING_TEST_MARK=" + filepath.Base(t.TempDir()) + t.Name()
	c := exec.Command(starling(t), "faults", "--tier", "qemu", "--time", "1h", "--scenario", faultScenario)
	c.Env = append(os.Environ(), mark)
	var out strings.Builder
	c.Stdout = &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for deadline := time.Now().Add(patience); len(marked(mark)) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = c.Process.Kill()
			t.Fatal("no machine was started")
		}
	}
	_ = c.Process.Signal(syscall.SIGINT)
	select {
	case <-ended:
	case <-time.After(patience):
		_ = c.Process.Kill()
		t.Fatal("it does not end")
	}
	if left := marked(mark); len(left) > 0 {
		t.Errorf("machines are left: %v", left)
	}
}

// marked finds the machines that were started with something in their environment.
func marked(mark string) (list []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range all {
		text, err := os.ReadFile(name)
		program, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "comm"))
		if err == nil && strings.Contains(string(text), mark) && strings.HasPrefix(string(program), "qemu") {
			list = append(list, name)
		}
	}
	return list
}
