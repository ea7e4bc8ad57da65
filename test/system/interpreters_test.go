package system

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sessions are scripts that use what their language offers for text, files,
// processes and signals. Beside each stands what it prints on Linux.
var sessions = []struct{ interpreter, pkg, script string }{
	{"perl", "perl-base", "session.pl"},
	{"lua5.4", "lua5.4", "session.lua"},
	{"dash", "dash", "session.dash"},
}

// Debian's interpreters run long scripts as on Linux.
func TestInterpreters(t *testing.T) {
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"--add", dir + ":/root/sessions", "--cwd", "/root/sessions"}
	var script strings.Builder
	for _, s := range sessions {
		flags = append(flags, "--deb", s.pkg)
		fmt.Fprintf(&script, "%s %s; echo status $?; echo %s\n", s.interpreter, s.script, boundary)
	}
	got := guestWithin(t, manyRuns, append(flags, "--", "sh", "-c", script.String())...)
	parts := strings.Split(got.Out, boundary+"\n")
	if got.Status != 0 || len(parts) != len(sessions)+1 {
		t.Fatalf("%+v", got)
	}
	for i, s := range sessions {
		t.Run(s.interpreter, func(t *testing.T) {
			golden(t, filepath.Join(dir, s.script+".want"), parts[i])
		})
	}
}

// boundary separates what several programs of one boot print.
const boundary = "==== next"

// The recorded outputs are what this host's interpreters print, where it has them.
func TestInterpretersHost(t *testing.T) {
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	applets := t.TempDir()
	if out, err := exec.Command("busybox", "--install", "-s", applets).CombinedOutput(); err != nil {
		t.Fatalf("busybox --install: %v\n%s", err, out)
	}
	for _, s := range sessions {
		t.Run(s.interpreter, func(t *testing.T) {
			path, err := exec.LookPath(s.interpreter)
			if err != nil || !isDebian12() {
				t.Skip("not Debian 12's")
			}
			if os.Getuid() != 0 {
				t.Skip("the recorded sessions are root's")
			}
			c := exec.Command("busybox", "sh", "-c", path+" "+s.script+"; echo status $?")
			c.Dir = dir
			c.Env = []string{"HOME=/root", "PATH=" + applets}
			out, err := c.Output()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join(dir, s.script+".want"), string(out))
		})
	}
}

// isDebian12 says whether the host has the versions that the guest has.
func isDebian12() bool {
	text, err := os.ReadFile("/etc/debian_version")
	return err == nil && strings.HasPrefix(string(text), "12.")
}

// golden compares a text with a recorded one and names the first line that differs.
func golden(t *testing.T, path, got string) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(a), len(b)) {
		var g, w string
		if i < len(a) {
			g = a[i]
		}
		if i < len(b) {
			w = b[i]
		}
		if g != w {
			t.Errorf("line %d of %s:\n got %q\nwant %q", i+1, filepath.Base(path), g, w)
			return
		}
	}
}
