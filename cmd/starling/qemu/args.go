// Package qemu runs a boot image in QEMU: it chooses the arguments, holds the
// other ends of the machine's serial lines, and makes sure that no QEMU outlives
// the command.
package qemu

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// Program is QEMU's command.
const Program = "qemu-system-x86_64"

// ErrMissing is wrapped when QEMU is not installed.
var ErrMissing = errors.New(Program + " is not installed: apt-get install --no-install-recommends qemu-system-x86")

// Config says what machine to run.
type Config struct {
	Machine string // "microvm" or "q35"
	Accel   string // "tcg" or "kvm"; see ChooseAccel
	Memory  uint64 // bytes
	// CountInstructions makes one instruction take one ns of the machine's time
	// and lets the machine run without waiting for the host's clock.
	CountInstructions bool
	Seed              uint64 // of the machine's own random choices, 0: none
	CPU               string // empty: "max"
	// Initrd and CommandLine are for booting Linux, to compare with.
	Initrd      []byte
	CommandLine string
}

// serialPorts are where the machine has its lines, COM1 to COM4. COM3 gets an
// interrupt of its own instead of sharing COM1's, which an edge-triggered line
// cannot; COM4, the kernel's emergency console, uses none.
var serialPorts = []struct{ base, interrupt string }{{"0x3f8", "4"}, {"0x2f8", "3"}, {"0x3e8", "5"}, {"0x2e8", "7"}}

// Accelerators are the values of --accel.
var Accelerators = []string{"auto", "tcg", "kvm"}

// Machines are the values of --machine.
var Machines = []string{"microvm", "q35"}

// ChooseAccel turns "auto" into an accelerator that works here. KVM is used when
// the processor itself can virtualise and /dev/kvm opens: a /dev/kvm without the
// processor flags can be a nested one that cannot run an ordinary kernel.
func ChooseAccel(want string) (string, error) {
	switch want {
	case "tcg":
		return want, nil
	case "kvm", "auto":
	default:
		return "", fmt.Errorf("accelerator %q: want one of %s", want, strings.Join(Accelerators, ", "))
	}
	err := kvmWorks()
	switch {
	case err == nil:
		return "kvm", nil
	case want == "auto":
		return "tcg", nil
	}
	return "", err
}

func kvmWorks() error {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return err
	}
	if !hasVirtualization(string(info)) {
		return errors.New("kvm: the processor shows neither vmx nor svm")
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("kvm: %w", err)
	}
	return f.Close()
}

func hasVirtualization(cpuinfo string) bool {
	for line := range strings.Lines(cpuinfo) {
		name, flags, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) != "flags" {
			continue
		}
		for _, f := range strings.Fields(flags) {
			if f == "vmx" || f == "svm" {
				return true
			}
		}
	}
	return false
}

// Check tells whether the settings go together.
func (c *Config) Check() error {
	_, err := c.arguments()
	return err
}

// arguments are QEMU's, but for the image and the serial lines.
func (c *Config) arguments() ([]string, error) {
	machine := c.Machine
	switch machine {
	case "microvm":
		// No option ROMs: they would look for a disk to boot from.
		machine += ",x-option-roms=off,rtc=on,isa-serial=off"
	case "q35":
	default:
		return nil, fmt.Errorf("machine %q: want one of %s", machine, strings.Join(Machines, ", "))
	}
	accel := c.Accel
	if accel != "tcg" && accel != "kvm" {
		return nil, fmt.Errorf("accelerator %q: not chosen", accel)
	}
	if c.CountInstructions && accel != "tcg" {
		return nil, errors.New("--icount counts instructions, which only tcg can")
	}
	if c.Memory%(1<<20) != 0 || c.Memory == 0 {
		return nil, fmt.Errorf("memory of %d bytes: want whole MiB", c.Memory)
	}
	cpu := c.CPU
	if cpu == "" {
		cpu = "max"
	}
	args := []string{
		"-machine", machine, "-accel", accel, "-cpu", cpu, "-smp", "1",
		"-m", strconv.FormatUint(c.Memory>>20, 10) + "M",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none",
		"-device", "isa-debug-exit,iobase=0xf4,iosize=4",
	}
	if c.CountInstructions {
		args = append(args, "-icount", "shift=0,sleep=off")
	}
	if c.Seed != 0 {
		args = append(args, "-seed", strconv.FormatUint(c.Seed, 10))
	}
	return args, nil
}

// serial connects line i to a chardev.
func serial(i int, chardev string) []string {
	id := "com" + strconv.Itoa(i+1)
	p := serialPorts[i]
	return []string{"-chardev", chardev + ",id=" + id,
		"-device", "isa-serial,chardev=" + id + ",iobase=" + p.base + ",irq=" + p.interrupt}
}

// ByHand is the command line that boots an image from a shell: the terminal on
// the standard streams, the control channel to a file.
func ByHand(c Config, image string) (string, error) {
	args, err := c.arguments()
	if err != nil {
		return "", err
	}
	args = append(args, "-kernel", image)
	args = append(args, serial(0, "stdio,signal=off")...)
	args = append(args, serial(1, "file,path="+image+".control")...)
	return Program + " " + strings.Join(args, " "), nil
}

// Installed tells whether there is a QEMU to run.
func Installed() error {
	_, err := find()
	return err
}

// find looks QEMU up.
func find() (string, error) {
	path, err := exec.LookPath(Program)
	if err != nil {
		return "", ErrMissing
	}
	return path, nil
}
