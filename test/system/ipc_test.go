package system

import (
	"os"
	"testing"
)

// System V IPC, POSIX message queues and inotify do what they do on Linux, where the texts in testdata were recorded (as root), also
// while the two builds of the personality take turns.
func TestIPC(t *testing.T) {
	for _, name := range []string{"sysv", "mqueue", "inotify"} {
		want, err := os.ReadFile("testdata/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		path := buildC(t, name)
		for _, flags := range [][]string{nil, {"--swap-every", "20ms", "--swap-with", "linux-next", "--swap-with", "linux"}} {
			got := guest(t, "", append(flags, "--add", path+":/bin/"+name, "--", name)...)
			if got.Status != 0 || got.Out != string(want) {
				t.Errorf("%s %v: status %d, %s, errors %q", name, flags, got.Status, firstDifference(got.Out, string(want)), got.Err)
			}
		}
	}
}
