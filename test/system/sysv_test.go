package system

import (
	"os"
	"testing"
)

// System V IPC does what it does on Linux, where testdata/sysv.txt was recorded (as root), also while the two
// builds of the personality take turns.
func TestSystemV(t *testing.T) {
	want, err := os.ReadFile("testdata/sysv.txt")
	if err != nil {
		t.Fatal(err)
	}
	path := buildC(t, "sysv")
	for _, flags := range [][]string{nil, {"--swap-every", "20ms", "--swap-with", "linux-next", "--swap-with", "linux"}} {
		got := guest(t, "", append(flags, "--add", path+":/bin/sysv", "--", "/bin/sysv")...)
		if got.Status != 0 || got.Out != string(want) {
			t.Errorf("%v: status %d, %s, errors %q", flags, got.Status, firstDifference(got.Out, string(want)), got.Err)
		}
	}
}
