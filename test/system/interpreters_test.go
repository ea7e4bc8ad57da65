package system

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"starling/test/system/recorded"
)

// Debian's interpreters run long scripts as on Linux.
func TestInterpreters(t *testing.T) {
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"--add", dir + ":/root/sessions", "--cwd", "/root/sessions"}
	for _, s := range recorded.Interpreters {
		flags = append(flags, "--deb", s.Package)
	}
	got := guestWithin(t, manyRuns, append(flags, "--", "sh", "-c", recorded.InterpreterScript())...)
	if got.Status != 0 {
		t.Errorf("status %d, errors %q", got.Status, got.Err)
	}
	compare(t, got.Out, recorded.Interpreted)
}

// compare compares what sessions printed with what they print on Linux, and names the first line of each that differs.
func compare(t *testing.T, out string, cut func(string) ([]recorded.Text, error)) {
	t.Helper()
	list, err := cut(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		t.Run(s.Name, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join("testdata", s.File))
			if err != nil {
				t.Fatal(err)
			}
			if s.Text != string(want) {
				t.Errorf("%s: %s", s.File, firstDifference(s.Text, string(want)))
			}
		})
	}
}

// firstDifference names the first line in which two texts differ.
func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		if g, w := line(a, i), line(b, i); g != w {
			return fmt.Sprintf("line %d:\n got %s\nwant %s", i+1, g, w)
		}
	}
	return "the same"
}

func line(list []string, i int) string {
	if i < len(list) {
		return "\"" + list[i] + "\""
	}
	return "nothing"
}
