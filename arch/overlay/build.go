package overlay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// textAddress is where a profile's program is linked, as the linker's -T wants it.
// The page below holds the ELF header.
func (p Profile) textAddress() string {
	if p == Kernel {
		return "-0x7fe00000" // 0xffffffff80200000
	}
	return "0x401000"
}

// Toolchain is the installed Go as seen from a module.
type Toolchain struct {
	GOROOT    string
	GOVERSION string
	GOMOD     string // path of go.mod
}

// FindToolchain asks the go command in directory dir (empty for the current one).
func FindToolchain(dir string) (*Toolchain, error) {
	out, err := run(dir, nil, "go", "env", "-json", "GOROOT", "GOVERSION", "GOMOD")
	if err != nil {
		return nil, err
	}
	t := new(Toolchain)
	if err := json.Unmarshal(out, t); err != nil {
		return nil, fmt.Errorf("overlay: go env: %w", err)
	}
	if t.GOMOD == "" || t.GOMOD == os.DevNull {
		return nil, errors.New("overlay: not inside the module: run it in the source tree")
	}
	return t, nil
}

// CheckVersion refuses a Go that is not the one go.mod names.
func (t *Toolchain) CheckVersion() error {
	mod, err := os.ReadFile(t.GOMOD)
	if err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	pinned := ""
	for line := range strings.Lines(string(mod)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "go" {
			pinned = "go" + f[1]
		}
	}
	if pinned == "" {
		return fmt.Errorf("overlay: %s has no go line", t.GOMOD)
	}
	if t.GOVERSION != pinned {
		return fmt.Errorf("overlay: the installed Go is %s, but the runtime port is made for %s, which go.mod pins: set GOTOOLCHAIN=%s", t.GOVERSION, pinned, pinned)
	}
	return nil
}

// Builder builds programs for bare metal.
type Builder struct {
	GOARCH    string   // empty: amd64
	Directory string   // where go runs; empty: the current directory
	Tags      []string // further build tags
	Scratch   string   // where the overlay is written; empty: build/_overlay beside go.mod, where go build ./... does not look
}

// Build builds the main package pkg as a program of profile p into the ELF file
// out, with the Go installed and the module of the current directory.
func Build(p Profile, pkg, out string) error { return new(Builder).Build(p, pkg, out) }

// Build is the package's Build with the builder's settings. It is quick when
// nothing changed: the go command finds out that out is up to date.
func (b *Builder) Build(p Profile, pkg, out string) error {
	arch := b.GOARCH
	if arch == "" {
		arch = "amd64"
	}
	t, err := FindToolchain(b.Directory)
	if err != nil {
		return err
	}
	if err := t.CheckVersion(); err != nil {
		return err
	}
	o, err := Generate(t.GOROOT, p, arch)
	if err != nil {
		return err
	}
	scratch := b.Scratch
	if scratch == "" {
		scratch = filepath.Join(filepath.Dir(t.GOMOD), "build", "_overlay")
	}
	file, err := o.Write(filepath.Join(scratch, string(p)+"_"+arch))
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	// GOAMD64=v1: a higher level would use AVX without asking.
	env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch, "GOAMD64=v1", "GOFLAGS=",
		// A heap that begins at a random place wastes half an arena and differs from boot to boot.
		"GOEXPERIMENT=norandomizedheapbase64"}
	_, err = run(b.Directory, env, "go", "build", "-trimpath", "-buildvcs=false", "-overlay", file,
		"-tags", strings.Join(append([]string{p.Tag()}, b.Tags...), ","), "-ldflags", "-s -w -T="+p.textAddress(), "-o", out, pkg)
	return err
}

// run runs a command and returns its output; an error carries what it said.
func run(dir string, env []string, name string, args ...string) ([]byte, error) {
	c := exec.Command(name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}
