package system

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// buildProbed builds test/programs/probed, static.
func buildProbed(t testing.TB, dir string) string {
	t.Helper()
	out := filepath.Join(dir, "probed")
	c := exec.Command("musl-gcc", "-O1", "-static", "-o", out, "../programs/probed/probed.c")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building probed: %v\n%s", err, text)
	}
	return out
}

// cilium/ebpf's loader, unmodified, counts every call of another program's function, in threads, and none
// once the links are closed: with perf_event_open(2) and BPF_LINK_CREATE, and with uprobe_multi.
func TestUprobes(t *testing.T) {
	dir := t.TempDir()
	loader, probed := buildGo(t, dir, "uprobes"), buildProbed(t, dir)
	const want = `15988000
entries 1000 returns 1000 callers 1000 of 1 processes, 1000 records, cookies 77000
15988000
entries 1000 returns 1000 callers 1000 of 1 processes, 0 records, cookies 0
`
	// Two links with a place in each of two functions, and one of a process that calls none.
	const multi = `/bin/probed: 2 offsets true, cookies 1 2
nobody's process: true
15988000
0 1000 1000 1000 1000 0 
15988000
0 1000 1000 1000 1000 0 
`
	// Records by way of an event's buffer: the small one has no room for all, and says so.
	const buffers = `15988000
4
131072 bytes: 1001 in all, lost some false, cookies of each true
15988000
4
4096 bytes: 1001 in all, lost some true, cookies of each true
15988000
`
	got := guest(t, "", "--add", loader+":/bin/uprobes", "--add", probed+":/bin/probed", "--", "sh", "-c",
		"uprobes /bin/probed work 1000 && uprobes /bin/probed work 1000 helper && uprobes /bin/probed work 1000 perf")
	if all := want + multi + buffers; got.Status != 0 || got.Out != all {
		t.Errorf("%+v, want\n%s", got, all)
	}
}

// buildRules builds test/programs/proberules, static.
func buildRules(t testing.TB) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "rules")
	c := exec.Command("musl-gcc", "-O1", "-static", "-w", "-o", out, "../programs/proberules/rules.c")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building rules: %v\n%s", err, text)
	}
	return out
}

// Every rule about probes is what it is on Linux, whose lines testdata has; and what Linux gets
// wrong is right.
func TestProbeRules(t *testing.T) {
	rules := buildRules(t)
	golden, err := os.ReadFile("testdata/probes/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	const better = `pushf: 0, pushf and popf: 7, 1 hits
syscall: same, 1 hits
inherit: 4 hits
stop at a probed system call: signal 85, number 110, +2, step flag 0
stop at a probed system call: signal 85, number 110, +2, step flag 0
ended 0, 1 hits
`
	got := guest(t, "", "--add", rules+":/bin/rules", "--", "sh", "-c", "/bin/rules; /bin/rules better")
	if want := string(golden) + better; got.Status != 0 || got.Out != want {
		t.Errorf("status %d, errors %q\n%s", got.Status, got.Err, firstDifference(got.Out, want))
	}
}

// The rules hold while the two builds of the personality take turns, in the middle of steps too.
func TestProbeRulesUnderSwaps(t *testing.T) {
	golden, err := os.ReadFile("testdata/probes/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := guest(t, "", "--swap-every", "50ms", "--swap-with", "linux-next", "--swap-with", "linux", "--add", buildRules(t)+":/bin/rules", "--", "/bin/rules")
	if got.Status != 0 || got.Out != string(golden) {
		t.Errorf("status %d, errors %q\n%s", got.Status, got.Err, firstDifference(got.Out, string(golden)))
	}
	if m := regexp.MustCompile(`(\d+) swaps of linux, 0 failed`).FindStringSubmatch(got.Err); m == nil || m[1] == "0" {
		t.Errorf("no swaps, or some failed: %q", got.Err)
	}
}

// The run command's own probes: a forked child counts too, the output and the status are the program's.
func TestProbesOfTheRunCommand(t *testing.T) {
	probed := buildProbed(t, t.TempDir())
	got := guest(t, "", "--add", probed+":/bin/probed", "--uprobe", "/bin/probed:helper", "--uretprobe", "/bin/probed:work", "--", "probed", "100", "40")
	if got.Status != 0 || got.Out != "158800\nchild 40\n" {
		t.Errorf("%+v", got)
	}
	for _, want := range []string{"uprobe /bin/probed:helper: 110\n", "uretprobe /bin/probed:work: 110\n", "|####"} {
		if !strings.Contains(got.Err, want) {
			t.Errorf("%q is missing in %q", want, got.Err)
		}
	}
}
