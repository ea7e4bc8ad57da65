package userabi

import (
	"fmt"
	"strings"
)

// featureNames are the bits of CPUID.1:EDX (SDM 2A, CPUID) by the names that Linux
// gives them in /proc/cpuinfo; "" has none.
var featureNames = [32]string{
	"fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "", "sep", "mtrr", "pge", "mca", "cmov",
	"pat", "pse36", "pn", "clflush", "", "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe",
}

// stateNames are features that follow from a component of the XSAVE area (SDM 1 13.1).
var stateNames = []struct {
	component uint64
	name      string
}{{1 << 2, "avx"}, {1 << 5, "avx512f"}, {1 << 9, "pku"}}

// Describe is the text of /proc/cpuinfo for the one processor, as far as programs may
// know it.
func Describe(cpu *CPU) string {
	flags := []string{}
	for i, name := range featureNames {
		if cpu.HWCap>>i&1 != 0 && name != "" {
			flags = append(flags, name)
		}
	}
	flags = append(flags, "syscall", "nx", "lm")
	if cpu.HWCap2&2 != 0 {
		flags = append(flags, "fsgsbase")
	}
	for _, s := range stateNames {
		if cpu.XFeatures&s.component != 0 {
			flags = append(flags, s.name)
		}
	}
	return fmt.Sprintf("processor\t: 0\nmodel name\t: x86-64 virtual processor\nphysical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\n"+
		"fpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\nflags\t\t: %s\nclflush size\t: 64\ncache_alignment\t: 64\n"+
		"address sizes\t: 40 bits physical, 48 bits virtual\n\n", strings.Join(flags, " "))
}
