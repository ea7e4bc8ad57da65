package overlay

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestApply(t *testing.T) {
	for _, c := range []struct {
		name, text string
		edits      []Edit
		want       string
		found      int // of a mismatch; -1: none
	}{
		{"once", "a b c", []Edit{{"f", "b", "x", 1, ""}}, "a x c", -1},
		{"twice", "b b", []Edit{{"f", "b", "x", 2, ""}}, "x x", -1},
		{"in order", "a", []Edit{{"f", "a", "b", 1, ""}, {"f", "b", "c", 1, ""}}, "c", -1},
		{"missing", "a", []Edit{{"f", "b", "x", 1, "why"}}, "", 0},
		{"too often", "b b", []Edit{{"f", "b", "x", 1, "why"}}, "", 2},
		{"too rarely", "b", []Edit{{"f", "b", "x", 2, "why"}}, "", 1},
	} {
		got, err := apply(c.text, c.edits)
		var m *MismatchError
		switch {
		case c.found < 0 && (err != nil || got != c.want):
			t.Errorf("%s: %q, %v", c.name, got, err)
		case c.found >= 0 && (!errors.As(err, &m) || m.Found != c.found):
			t.Errorf("%s: error %v, want a mismatch with %d", c.name, err, c.found)
		}
	}
}

func TestMismatchMessage(t *testing.T) {
	err := &MismatchError{Edit{"runtime/proc.go", "haveSysmon", "", 2, "no thread for sysmon"}, 0}
	for _, want := range []string{"runtime/proc.go", "no thread for sysmon", `"haveSysmon"`, "expected 2, found 0", "GOTOOLCHAIN", "arch/overlay/table.go"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the message lacks %q:\n%v", want, err)
		}
	}
}

// The edits match the installed Go, and every file goes where it belongs.
func TestGenerate(t *testing.T) {
	tc, err := FindToolchain("")
	if err != nil {
		t.Fatal(err)
	}
	if err := tc.CheckVersion(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []Profile{Kernel, Server} {
		o, err := Generate(tc.GOROOT, p, "amd64")
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"runtime/proc.go":                        "haveSysmon = false",
			"runtime/netpoll_epoll.go":               "nothing was opened",
			"runtime/bare_calls.go":                  "func bareCall(",
			"runtime/oscall_amd64.s":                 "runtime·oscall(SB)",
			"internal/cpu/cpu_x86.go":                "HasOSXSAVE = false",
			"os/signal/bare_signal.go":               "func Waiting()",
			"runtime/malloc.go":                      map[Profile]string{Kernel: "0xffffff0000000000", Server: "0xc000000000"}[p],
			"runtime/bare_" + string(p) + "_amd64.s": "runtime·bareSetTLS(SB)",
		} {
			if !strings.Contains(string(o.Files[name]), text) {
				t.Errorf("%s: %s lacks %q", p, name, text)
			}
		}
		for _, name := range []string{"runtime/timeasm.go", "runtime/time_linux_amd64.s"} {
			if b, ok := o.Files[name]; !ok || b != nil {
				t.Errorf("%s: %s is not removed", p, name)
			}
		}
		// What asked the operating system directly asks no more.
		for name, b := range o.Files {
			if strings.HasSuffix(name, ".s") && !strings.Contains(name, "bare_") && strings.Contains(string(b), "\tSYSCALL\n") {
				t.Errorf("%s: %s still has a SYSCALL", p, name)
			}
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	tc, err := FindToolchain("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Generate(tc.GOROOT, "driver", "amd64"); err == nil || !strings.Contains(err.Error(), `"driver"`) {
		t.Errorf("unknown profile: %v", err)
	}
	if _, err := Generate(tc.GOROOT, Kernel, "s390x"); err == nil || !strings.Contains(err.Error(), "s390x") {
		t.Errorf("unknown instruction set: %v", err)
	}
	if _, err := Generate(t.TempDir(), Kernel, "amd64"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no GOROOT: %v", err)
	}
	// A GOROOT whose runtime is another one.
	root := t.TempDir()
	file := filepath.Join(root, "src", "runtime", "proc.go")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("package runtime\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var m *MismatchError
	if _, err := Generate(root, Kernel, "amd64"); !errors.As(err, &m) || m.Edit.File != "runtime/proc.go" {
		t.Errorf("another runtime: %v", err)
	}
}

func TestCheckVersion(t *testing.T) {
	mod := filepath.Join(t.TempDir(), "go.mod")
	if err := os.WriteFile(mod, []byte("module m\n\ngo 1.26.8\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (&Toolchain{GOVERSION: "go1.26.8", GOMOD: mod}).CheckVersion(); err != nil {
		t.Error(err)
	}
	err := (&Toolchain{GOVERSION: "go1.27", GOMOD: mod}).CheckVersion()
	if err == nil || !strings.Contains(err.Error(), "GOTOOLCHAIN=go1.26.8") || !strings.Contains(err.Error(), "go1.27") {
		t.Errorf("another version: %v", err)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	o := &Overlay{Goroot: "/goroot", Files: map[string][]byte{"runtime/a.go": []byte("package runtime\n"), "runtime/b.s": nil}}
	file, err := o.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	js, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Replace map[string]string }
	if err := json.Unmarshal(js, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Replace) != 2 || got.Replace["/goroot/src/runtime/b.s"] != "" || got.Replace["/goroot/src/runtime/a.go"] != filepath.Join(dir, "runtime", "a.go") {
		t.Errorf("overlay %v", got.Replace)
	}
	// Written again, nothing changes: builds side by side and rebuilds depend on it.
	before, err := os.Stat(filepath.Join(dir, "runtime", "a.go"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Write(dir); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(filepath.Join(dir, "runtime", "a.go"))
	if err != nil || !os.SameFile(before, after) {
		t.Error("a file with the same content was replaced")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", ".new-*")); len(left) != 0 {
		t.Errorf("temporary files stay behind: %v", left)
	}
}
