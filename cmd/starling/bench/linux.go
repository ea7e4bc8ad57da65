package bench

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"starling/cmd/starling/qemu"
	"starling/images/tree"
)

// LinuxPackage is the Linux to compare with: Debian's kernel for virtual machines.
const LinuxPackage = "linux-image-cloud-amd64"

// CPU is the processor that both systems are measured on: what the newest has
// but an emulator makes slow or Linux would use in other ways is left out.
const CPU = "max,-la57,-erms,-pku,-mpx,-rdrand,-rdseed"

// Seed fixes the machine's own random choices.
const Seed = 1

// linuxInit is the first program under Linux: it makes the machine as the script expects it.
const linuxInit = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
exec </dev/ttyS0 >/dev/ttyS0 2>&1
stty raw -echo
` + Script + "\n"

// Linux prepares the machine that runs Linux. It returns the kernel's version too.
// bench is the program's file on the host, root the file system that has it as /bench.
func Linux(c qemu.Config, bench string, root *tree.Tree, debian *tree.Debian) (qemu.Config, []byte, string, error) {
	packages := tree.New()
	if err := debian.AddAlone(packages, LinuxPackage); err != nil {
		return c, nil, "", err
	}
	path, kernel, ok := packages.Find("boot/vmlinuz-")
	if !ok {
		return c, nil, "", errors.New("there is no kernel in " + LinuxPackage)
	}
	if err := root.File("init", 0o755, []byte(linuxInit)); err != nil {
		return c, nil, "", err
	}
	initrd, err := root.CPIO()
	if err != nil {
		return c, nil, "", err
	}
	line := []string{"console=ttyS0", "quiet", "loglevel=0", "nokaslr", "panic=-1"}
	// The machine has nothing to calibrate its clock against: tell it. One counted
	// instruction is one ns, else the emulator shows the host's own counter.
	khz := uint64(1_000_000)
	if !c.CountInstructions {
		var err error
		if khz, err = counterRate(bench); err != nil {
			return c, nil, "", err
		}
	}
	line = append(line, "tsc=reliable", fmt.Sprintf("tsc_early_khz=%d", khz))
	c.Initrd, c.CommandLine = initrd, strings.Join(line, " ")
	return c, kernel, strings.TrimPrefix(path, "boot/vmlinuz-"), nil
}

// counterRate measures the host's time stamp counter in kHz: the same loop
// against the counter and against the clock.
func counterRate(bench string) (uint64, error) {
	var per [2]float64
	for i, unit := range [][]string{{"--tsc"}, nil} {
		out, err := exec.Command(bench, append(unit, "--count", "100000000", "--reps", "3", "null")...).Output()
		if err != nil {
			return 0, fmt.Errorf("measuring the host's time stamp counter: %w", err)
		}
		if per[i], err = parse(strings.TrimSpace(string(out))); err != nil || per[i] == 0 {
			return 0, fmt.Errorf("measuring the host's time stamp counter: %q", out)
		}
	}
	return uint64(per[0] / per[1] * 1e6), nil
}
