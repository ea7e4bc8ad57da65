package faults

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each planted bug is found by a short campaign, and each finding repeats: TestCampaign shows that without them
// nothing is found.
func TestPlantedBugsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program once for each")
	}
	for _, bug := range []struct {
		tag, seen string
		flags     []string
	}{
		{"double_reply", "that it must refuse", []string{"--wire", "linux>program", "--fault", "double-reply"}},
		{"stale_generation", "that it must refuse", []string{"--wire", "linux>program", "--fault", "stale-generation"}},
		{"mask", "changed registers outside of it", []string{"--wire", "linux>program", "--fault", "hostile-registers"}},
		{"stale_event", "", []string{"--wire", "program>linux", "--fault", "duplicate"}},
		{"leak_release", "left over", []string{"--wire", "program>linux", "--fault", "crash-before"}},
		{"no_sum", "", []string{"--wire", "linux>pager", "--fault", "field"}},
		{"execute_twice", "", []string{"--wire", "linux>pager", "--fault", "drop"}},
		{"deaf_console", "", []string{"--wire", "console>linux", "--fault", "drop"}},
	} {
		t.Run(bug.tag, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "starling")
			build := exec.Command("go", "build", "-tags", "starling_bug_"+bug.tag, "-o", program, "starling/cmd/starling")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			args := append([]string{"faults", "--runs", "192", "--json", "-"}, bug.flags...)
			out, err := exec.Command(program, args...).Output()
			if e, ok := err.(*exec.ExitError); !ok || e.ExitCode() != 1 {
				t.Fatalf("%v: not found\n%.2000s", err, out)
			}
			var report struct {
				Findings []struct {
					What   []string
					Repeat string
				}
			}
			if err := json.NewDecoder(bytes.NewReader(out)).Decode(&report); err != nil {
				t.Fatal(err)
			}
			f := report.Findings[0]
			if !strings.Contains(strings.Join(f.What, "\n"), bug.seen) {
				t.Errorf("found otherwise: %.500q", f.What)
			}
			again := exec.Command("sh", "-c", strings.Replace(f.Repeat, "starling", program, 1))
			again.Env = os.Environ()
			if out, err := again.CombinedOutput(); err == nil || !strings.Contains(string(out), "finding: ") || strings.Contains(string(out), "another run") {
				t.Errorf("%s\n%v\n%.1000s", f.Repeat, err, out)
			}
		})
	}
}
