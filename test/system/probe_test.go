package system

import (
	"os/exec"
	"path/filepath"
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
// once the links are closed.
func TestUprobes(t *testing.T) {
	dir := t.TempDir()
	loader, probed := buildGo(t, dir, "uprobes"), buildProbed(t, dir)
	const want = `15988000
entries 1000 returns 1000 callers 1000 of 1 processes, 1000 records, cookies 77000
15988000
entries 1000 returns 1000 callers 1000 of 1 processes, 0 records, cookies 0
`
	got := guest(t, "", "--add", loader+":/bin/uprobes", "--add", probed+":/bin/probed", "--", "uprobes", "/bin/probed", "work", "1000")
	if got.Status != 0 || got.Out != want {
		t.Errorf("%+v, want\n%s", got, want)
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
