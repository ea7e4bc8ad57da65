package system

import (
	"testing"

	"starling/test/system/recorded"
)

// Sessions of Debian's gdb and gdbserver, with the programs of test/programs/debuggee. A
// session is testdata/gdb/NAME.gdb, commands for gdb, or NAME.sh, a script that runs gdb;
// NAME.want is what Linux says. All of them run in one boot.
func TestDebuggers(t *testing.T) {
	dir := t.TempDir()
	sessions, err := recorded.PrepareDebugging(".", dir)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--mem", "512M", "--deb", "gdb", "--deb", "gdbserver", "--add", dir + ":" + recorded.Debuggees, "--",
		"sh", recorded.Debuggees + "/sessions", recorded.Debuggees}
	r := guestWithin(t, manyRuns, append(args, sessions...)...)
	if r.Status != 0 {
		t.Errorf("status %d, errors %q", r.Status, r.Err)
	}
	compare(t, r.Out, recorded.Debugged)
}
