// Package bench measures the cost of operations on Starling and on Linux with
// the same program in the same emulated machine, and prints them side by side.
package bench

import (
	"fmt"
	"slices"
	"strings"
)

// Case is one operation.
type Case struct {
	Name  string
	What  string
	Count int // operations per measurement when instructions are counted
	// Target is the most instructions that the project allows itself, 0 if it
	// has not set any; Switches likewise for address-space switches.
	Target, Switches float64
}

// Cases is every case of test/bench, in its order.
var Cases = []Case{
	{"null", "empty loop", 1000, 0, 0},
	{"getpid", "getpid", 1000, 450, 2},
	{"getpid_imm", "getpid, number loaded right before", 1000, 450, 2},
	{"clock_gettime", "clock_gettime without vDSO", 1000, 0, 0},
	{"yield", "sched_yield", 1000, 0, 0},
	{"pipe_rw", "pipe write + read, 1 byte", 1000, 2400, 0},
	{"pipe_pp", "pipe ping-pong, 2 processes", 500, 0, 0},
	{"mmap_touch", "mmap + touch + munmap", 500, 0, 0},
	{"pagefault", "first touch of an anonymous page", 2048, 2700, 0},
	{"segv_skip", "SIGSEGV, handler steps over it", 500, 1750, 0},
	{"segv_mprotect", "SIGSEGV, handler unprotects", 500, 0, 0},
	{"int3", "int3, SIGTRAP handler", 500, 1600, 0},
	{"signal", "kill self + handler + sigreturn", 500, 1900, 0},
	{"fork", "fork + exit + wait", 50, 270_000, 0},
	{"fork_exec", "fork + exec + wait", 25, 460_000, 0},
	{"thread", "thread create + join", 100, 80_000, 0},
	{"futex_pp", "futex ping-pong, 2 threads", 500, 3400, 0},
	{"read4k", "pread 4 KiB", 500, 0, 0},
	{"write4k", "pwrite 4 KiB", 500, 0, 0},
	{"open_close", "open + close", 500, 5700, 0},
	{"stat", "stat of a path", 500, 0, 0},
	{"ptrace_syscall", "ptrace system call stop", 200, 3400, 0},
	{"ptrace_step", "ptrace single step", 200, 4300, 0},
	{"ptrace_int3", "ptrace breakpoint stop", 200, 0, 0},
	{"ptrace_getregs", "PTRACE_GETREGS", 200, 0, 0},
	{"ptrace_peek", "PTRACE_PEEKDATA", 200, 0, 0},
	{"uprobe", "uprobe, instruction stepped", 500, 2500, 0},
	{"uprobe_push", "uprobe, instruction emulated", 500, 2500, 0},
	{"uretprobe", "uprobe at a return, with the entry it needs", 500, 0, 0},
	{"uprobe_bpf", "uprobe, a program counts in an array", 500, 3000, 0},
	{"getpid_beside", "getpid while another process is probed", 1000, 450, 2},
	{"int3_beside", "int3 while another process is probed", 500, 1600, 0},
	{"mmap_beside", "mmap_touch while another process is probed", 500, 0, 0},
}

// Choose returns the named cases, or all.
func Choose(names []string) ([]Case, error) {
	all := slices.Concat(Cases, Swaps)
	if len(names) == 0 {
		return all, nil
	}
	var chosen []Case
	var known []string
	for _, name := range names {
		found := false
		for _, c := range all {
			if c.Name == name {
				chosen = append(chosen, c)
				found = true
			}
		}
		if !found {
			if known == nil {
				for _, c := range all {
					known = append(known, c.Name)
				}
			}
			return nil, fmt.Errorf("no case %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return chosen, nil
}
