// Package boot_test boots images in QEMU and looks at what comes out: the runtime
// port alone in ring 0, the smallest server in ring 3, and what a damaged or too small machine says.
package boot_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"starling/arch/overlay"
	"starling/images/pvh"
	"starling/ipc/bundle"
)

var machines = map[string][]string{
	"microvm": {"-machine", "microvm,x-option-roms=off,rtc=on"},
	"q35":     {"-machine", "q35"},
	"icount":  {"-machine", "microvm,x-option-roms=off,rtc=on", "-icount", "shift=0,sleep=off"},
}

// start boots an image and returns the serial output and QEMU's status, which is
// 2*code+1 when the guest ended the machine with a code.
func start(t *testing.T, machine string, image []byte, memory string) (string, int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(file, image, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	args := append(machines[machine], "-accel", "tcg", "-cpu", "max", "-m", memory, "-nodefaults", "-no-reboot",
		"-display", "none", "-serial", "stdio", "-monitor", "none", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", file)
	c := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String(), c.ProcessState.ExitCode()
}

// program builds a main package for a profile.
func program(t *testing.T, p overlay.Profile, pkg string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	if err := overlay.Build(p, pkg, file); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hello is the microkernel with the smallest server in place of root.
func hello(t *testing.T) pvh.Image {
	t.Helper()
	return pvh.Image{
		Kernel: program(t, overlay.Kernel, "starling/microkernel/cmd/kernel"),
		Files:  []bundle.File{{Name: pvh.Root, Data: program(t, overlay.Server, "starling/servers/hello")}},
	}
}

func TestServerInRing3(t *testing.T) {
	image := compose(t, hello(t))
	for machine := range machines {
		t.Run(machine, func(t *testing.T) {
			out, status := start(t, machine, image, "64M")
			if status != 1 || strings.Contains(out, "FAIL") || !strings.Contains(out, "hello from ring 3") {
				t.Errorf("status %d\n%s", status, out)
			}
		})
	}
}

// A changed byte in the directory of the files is one clear line.
func TestDamagedBundle(t *testing.T) {
	image, layout, err := pvh.Compose(hello(t))
	if err != nil {
		t.Fatal(err)
	}
	image[len(image)-int(layout.BundleSize)+40] ^= 1 // the bundle is last in the file
	out, status := start(t, "microvm", image, "64M")
	if status == 1 || strings.Count(out, "\n") != 1 || !strings.Contains(out, "boot image damaged: checksum of the bundle directory") {
		t.Errorf("status %d\n%s", status, out)
	}
}

// ring0 is the image of the runtime port's own check.
func ring0(t *testing.T) pvh.Image {
	t.Helper()
	kernel := program(t, overlay.Kernel, "starling/arch/overlay/ring0")
	return pvh.Image{Kernel: kernel, Seed: &[2]uint64{1, 2}, Files: []bundle.File{{Name: "note", Data: []byte("files do not disturb")}}}
}

func compose(t *testing.T, in pvh.Image) []byte {
	t.Helper()
	image, _, err := pvh.Compose(in)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// checks is how many lines with ok the check prints.
const checks = 6

// A heap of several arenas is used to its end.
func TestLargeKernelHeap(t *testing.T) {
	in := ring0(t)
	in.KernelHeap = 30 << 20
	out, status := start(t, "icount", compose(t, in), "64M")
	if status != 1 || strings.Count(out, "ok   ") != checks {
		t.Errorf("status %d\n%s", status, out)
	}
}

func TestRuntimeInRing0(t *testing.T) {
	image := compose(t, ring0(t))
	for machine := range machines {
		t.Run(machine, func(t *testing.T) {
			out, status := start(t, machine, image, "128M")
			if status != 1 || strings.Count(out, "ok   ") != checks || strings.Contains(out, "FAIL") {
				t.Errorf("status %d\n%s", status, out)
			}
		})
	}
}

// With a seed and counted instructions two boots are equal to the last digit.
func TestSameSeedSameBoot(t *testing.T) {
	image := compose(t, ring0(t))
	first, _ := start(t, "icount", image, "128M")
	second, _ := start(t, "icount", image, "128M")
	if first != second {
		t.Errorf("two boots with one seed differ:\n%s\n%s", first, second)
	}
}

func TestDamagedTable(t *testing.T) {
	image := compose(t, ring0(t))
	at := bytes.Index(image, []byte("STARLBT1"))
	if at < 0 {
		t.Fatal("no boot table")
	}
	image[at] = 'x'
	out, status := start(t, "microvm", image, "128M")
	if status != 251 || !strings.Contains(out, "boot image damaged") {
		t.Errorf("status %d\n%s", status, out)
	}
}

// 9 MiB hold the image but not the kernel's heap.
func TestTooLittleMemory(t *testing.T) {
	out, status := start(t, "microvm", compose(t, ring0(t)), "9M")
	if status != 251 || !strings.Contains(out, "not enough memory") {
		t.Errorf("status %d\n%s", status, out)
	}
}
