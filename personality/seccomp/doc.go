// Package seccomp is the filters of seccomp(2): classic BPF programs that look at a
// system call and say what becomes of it.
//
// A filter is checked before it is ever run (Check), by the rules of Linux's
// bpf_check_classic and seccomp_check_filter, and can therefore neither loop nor
// reach outside of its 64 bytes of input and 16 words of memory. The interpreter is our own:
// that of golang.org/x/net/bpf loads big-endian words of packets, has no LDX of
// the length and shifts by more than 31 differently than Linux.
//
// The package knows no threads; package task applies what Evaluate says. It imports state
// and the numbers of Linux only.
package seccomp
