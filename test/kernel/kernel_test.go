// Package kernel boots the microkernel with a test server in place of root and
// reports what the server found. The cases are in test/kernel/guest.
package kernel

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"starling/arch/overlay"
	"starling/images/pvh"
	"starling/ipc/bundle"
)

// boots are the machines that every case must hold on.
var boots = []struct {
	name string
	args []string
}{
	{"microvm", []string{"-machine", "microvm,x-option-roms=off,rtc=on", "-accel", "tcg"}},
	{"microvm counting instructions", []string{"-machine", "microvm,x-option-roms=off,rtc=on", "-accel", "tcg", "-icount", "shift=0,sleep=off"}},
	{"q35", []string{"-machine", "q35", "-accel", "tcg"}},
}

// leastCases is how many cases the guest has at least: a guest that stops early is
// not a success.
const leastCases = 45

// limits are the most instructions that ways may take, the server's transport included: program ->
// kernel -> server -> kernel -> program; a fault by way of the server that forwards it; two programs that
// call and get their replies together; one that yields to nobody. What falls off its short way is far above.
var limits = map[string]int{"round trip": 380, "forwarded fault": 700, "two replies": 1900, "lone yield": 450}

func TestKernel(t *testing.T) {
	readSources(t)
	image := build(t)
	for _, b := range boots {
		t.Run(b.name, func(t *testing.T) {
			out, status := boot(t, image, "128M", b.args)
			cases, measured := 0, 0
			for line := range strings.Lines(out) {
				line = strings.TrimSpace(line)
				if name, ok := strings.CutPrefix(line, "ok "); ok {
					cases++
					t.Run(name, func(*testing.T) {})
				} else if text, ok := strings.CutPrefix(line, "FAIL "); ok {
					name, why, _ := strings.Cut(text, ": ")
					t.Run(name, func(t *testing.T) { t.Error(why) })
				} else if way, text, _ := strings.Cut(line, ": "); limits[way] != 0 && strings.Contains(b.name, "counting") {
					t.Log(line)
					measured++
					count, _, _ := strings.Cut(text, " ")
					if n, err := strconv.Atoi(count); err != nil || n > limits[way] {
						t.Errorf("%s: %s instructions, limit %d", way, count, limits[way])
					}
				}
			}
			if strings.Contains(b.name, "counting") && measured < len(limits) {
				t.Errorf("%d ways were measured, want %d", measured, len(limits))
			}
			if status != 1 || cases < leastCases {
				t.Errorf("QEMU ended with status %d after %d cases:\n%s", status, cases, tail(out))
			}
		})
	}
}

// An image that cannot be booted is one clear line.
func TestRefusals(t *testing.T) {
	kernel := kernelELF(t)
	for _, c := range []struct {
		name, memory string
		files        []bundle.File
		want         string
	}{
		{"no root in the image", "128M", []bundle.File{{Name: "other", Data: []byte("x")}}, `starling: boot image damaged: no file "root"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			image := compose(t, kernel, c.files)
			out, _ := boot(t, image, c.memory, boots[0].args)
			if !strings.Contains(out, c.want) {
				t.Errorf("got %q, want a line with %q", tail(out), c.want)
			}
		})
	}
}

// readSources opens what the image is made of: go test runs the test again, instead
// of showing the result it remembers, only when a file that the test has opened
// changed.
func readSources(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"arch", "microkernel", "ipc", "images/pvh", "test/kernel"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				_, err = os.ReadFile(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

var builds struct {
	sync.Once
	dir string
	err error
}

// programs builds kernel and guest once.
func programs(t *testing.T) string {
	t.Helper()
	builds.Do(func() {
		builds.dir, builds.err = os.MkdirTemp("", "starling-kernel-test")
		for _, p := range []struct {
			profile  overlay.Profile
			pkg, out string
		}{
			{overlay.Kernel, "./microkernel/cmd/kernel", "kernel.elf"},
			{overlay.Server, "./test/kernel/guest", "guest.elf"},
		} {
			if builds.err == nil {
				b := overlay.Builder{Directory: "../.."}
				builds.err = b.Build(p.profile, p.pkg, filepath.Join(builds.dir, p.out))
			}
		}
	})
	if builds.err != nil {
		t.Fatal(builds.err)
	}
	return builds.dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if builds.dir != "" {
		os.RemoveAll(builds.dir)
	}
	os.Exit(code)
}

func kernelELF(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(programs(t), "kernel.elf"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func build(t *testing.T) string {
	t.Helper()
	guest, err := os.ReadFile(filepath.Join(programs(t), "guest.elf"))
	if err != nil {
		t.Fatal(err)
	}
	return compose(t, kernelELF(t), []bundle.File{{Name: "root", Data: guest}})
}

func compose(t *testing.T, kernel []byte, files []bundle.File) string {
	t.Helper()
	image, _, err := pvh.Compose(pvh.Image{Kernel: kernel, Files: files, Seed: &[2]uint64{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(name, image, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

const qemu = "qemu-system-x86_64"

// boot runs an image to its end and returns what it printed and QEMU's exit status:
// 2*code+1 for a code that the guest ended with.
func boot(t *testing.T, image, memory string, args []string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	args = append(args, "-cpu", "max", "-m", memory, "-nodefaults", "-no-reboot", "-nographic", "-serial", "stdio", "-monitor", "none",
		"-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", image)
	c := exec.CommandContext(ctx, qemu, args...)
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	if ctx.Err() != nil {
		t.Fatalf("QEMU did not end:\n%s", tail(out.String()))
	}
	if err != nil && c.ProcessState == nil {
		t.Fatal(fmt.Errorf("%s is needed (Debian: qemu-system-x86): %w", qemu, err))
	}
	return out.String(), c.ProcessState.ExitCode()
}
