package system

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What ends a run, and how the command says so.
func TestStatus(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("not a program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(broken, []byte("servers:\n  - name: pager\n    heap: lots\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		args   []string
		status int
		says   string // on standard error
	}{
		{"success", []string{"--", "true"}, 0, ""},
		{"failure", []string{"--", "sh", "-c", "exit 42"}, 42, ""},
		{"signal", []string{"--", "sh", "-c", "kill -TERM $$"}, 128 + 15, ""},
		{"time-out", []string{"--timeout", "2s", "--", "sleep", "1000"}, 124, "timed out after 2s"},
		{"no such program", []string{"--", "no-such-program"}, 127, "no-such-program: not found in the root file system (looked in PATH)"},
		{"no such file", []string{"--", "/no/such/file"}, 127, "/no/such/file: not found in the root file system"},
		{"a directory", []string{"--", "/etc"}, 126, "/etc: "},
		{"not executable", []string{"--", "/etc/passwd"}, 126, "/etc/passwd: "},
		{"no program at all", []string{"--add", text + ":/bin/text", "--", "text"}, 126, "/bin/text: exec format error"},
		{"bad memory size", []string{"--mem", "much", "--", "true"}, 125, `--mem: "much" is no size`},
		{"little memory", []string{"--mem", "8M", "--", "true"}, 125, "want whole MiB from 64M"},
		{"unknown machine", []string{"--machine", "pdp11", "--", "true"}, 125, `machine "pdp11": want one of microvm, q35`},
		{"unknown accelerator", []string{"--accel", "magic", "--", "true"}, 125, `accelerator "magic": want one of auto, tcg, kvm`},
		{"unknown flag", []string{"--no-such-flag"}, 125, "unknown flag: --no-such-flag"},
		{"bad environment", []string{"--env", "NOVALUE", "--", "true"}, 125, `--env "NOVALUE": want NAME=VALUE`},
		{"relative directory", []string{"--cwd", "tmp", "--", "true"}, 125, `--cwd "tmp": want an absolute path`},
		{"missing root", []string{"--rootfs", "/no/such/root", "--", "true"}, 125, "--rootfs: stat /no/such/root: no such file or directory"},
		{"root of another kind", []string{"--rootfs", text, "--", "true"}, 125, "not a cpio archive"},
		{"nothing to add", []string{"--add", "/no/such:/x", "--", "true"}, 125, "--add: stat /no/such: no such file or directory"},
		{"bad place to add", []string{"--add", "/etc:etc", "--", "true"}, 125, "want HOST:GUEST"},
		{"no such package", []string{"--deb", "no-such-package-anywhere", "--", "true"}, 125, "Unable to locate package no-such-package-anywhere"},
		{"bad package name", []string{"--deb", "../x", "--", "true"}, 125, "is no name of a Debian package"},
		{"missing manifest", []string{"--manifest", "/no/such", "--", "true"}, 125, "open /no/such: no such file or directory"},
		{"bad manifest", []string{"--manifest", broken, "--", "true"}, 125, `manifest line 3: servers[0].heap: "lots" is no size`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := guest(t, "", c.args...)
			if r.Status != c.status || r.Out != "" {
				t.Errorf("status %d, output %q, errors %q; want status %d", r.Status, r.Out, r.Err, c.status)
			}
			if c.says == "" && r.Err != "" || !strings.Contains(r.Err, c.says) {
				t.Errorf("errors %q, want %q", r.Err, c.says)
			}
			if strings.Count(r.Err, "\n") > 1 {
				t.Errorf("more than one line: %q", r.Err)
			}
		})
	}
}

func TestWithoutQEMU(t *testing.T) {
	bin := t.TempDir() // with everything but QEMU
	for _, name := range []string{"go", "busybox"} {
		path, err := lookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	r := guest(t, "", "--", "true")
	if r.Status != 125 || !strings.Contains(r.Err, "apt-get install --no-install-recommends qemu-system-x86") {
		t.Errorf("status %d, errors %q", r.Status, r.Err)
	}
}

// How many instructions the machine takes from its start to the program, and in how little memory. They
// are the same however busy the host is: with --icount one takes a nanosecond.
func TestSmallAndQuick(t *testing.T) {
	r := guest(t, "", "--icount", "--mem", "128M", "--", "cut", "-d", " ", "-f", "1", "/proc/uptime")
	seconds, err := strconv.ParseFloat(strings.TrimSpace(r.Out), 64)
	if err != nil || r.Status != 0 || seconds <= 0 || seconds > 0.1 {
		t.Errorf("status %d after %q thousand million instructions, errors %q", r.Status, r.Out, r.Err)
	}
}
