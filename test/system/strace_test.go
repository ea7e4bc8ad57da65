package system

import (
	"testing"

	"starling/test/system/recorded"
)

// Debian's strace prints under Starling what it prints on Linux.
func TestStrace(t *testing.T) {
	turns := buildGo(t, t.TempDir(), "turns")
	got := guestWithin(t, manyRuns, "--deb", "strace", "--add", turns+":/usr/bin/turns", "--", "env", "-i", "PATH=/usr/bin", "HOME=/root",
		"/usr/bin/busybox", "sh", "-c", recorded.TraceScript("/usr/bin/turns"))
	if got.Status != 0 {
		t.Errorf("status %d, errors %q", got.Status, got.Err)
	}
	compare(t, got.Out, recorded.Traces)
}
