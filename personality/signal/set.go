package signal

import (
	"math/bits"

	"golang.org/x/sys/unix"
)

// Signal numbers go from 1 to Max; the ones from RealTime on queue.
const (
	Max      = 64
	RealTime = 32
)

// Set is a set of signals: bit n-1 is signal n.
type Set uint64

// Of makes a set.
func Of(signals ...unix.Signal) (s Set) {
	for _, n := range signals {
		s |= Bit(int32(n))
	}
	return s
}

// Bit is the set of one signal, which is Valid.
func Bit(n int32) Set { return 1 << (uint(n-1) % Max) }

// Has reports whether n, which is Valid, is in the set.
func (s Set) Has(n int32) bool { return s&Bit(n) != 0 }

// Valid reports whether n is a signal number.
func Valid(n int32) bool { return n >= 1 && n <= Max }

// Sets that the rules name.
const (
	// Unblockable can be neither blocked, ignored nor handled.
	Unblockable Set = 1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1)
	// Stops stop the process by default.
	Stops Set = 1<<(unix.SIGSTOP-1) | 1<<(unix.SIGTSTP-1) | 1<<(unix.SIGTTIN-1) | 1<<(unix.SIGTTOU-1)
	// Synchronous signals are taken before all others: they belong to the
	// instruction that the thread is at.
	Synchronous Set = 1<<(unix.SIGSEGV-1) | 1<<(unix.SIGBUS-1) | 1<<(unix.SIGILL-1) | 1<<(unix.SIGTRAP-1) |
		1<<(unix.SIGFPE-1) | 1<<(unix.SIGSYS-1)
	// Ignored are those whose default is to do nothing.
	Ignored Set = 1<<(unix.SIGCONT-1) | 1<<(unix.SIGCHLD-1) | 1<<(unix.SIGWINCH-1) | 1<<(unix.SIGURG-1)
	// Core are those whose default is to end with a core dump.
	Core Set = 1<<(unix.SIGQUIT-1) | 1<<(unix.SIGILL-1) | 1<<(unix.SIGTRAP-1) | 1<<(unix.SIGABRT-1) | 1<<(unix.SIGFPE-1) |
		1<<(unix.SIGSEGV-1) | 1<<(unix.SIGBUS-1) | 1<<(unix.SIGSYS-1) | 1<<(unix.SIGXCPU-1) | 1<<(unix.SIGXFSZ-1)
)

// Next is the signal to take first out of a set, 0 if it is empty: synchronous ones, then
// the lowest number.
func (s Set) Next() int32 {
	if s == 0 {
		return 0
	}
	if sync := s & Synchronous; sync != 0 {
		s = sync
	}
	return int32(bits.TrailingZeros64(uint64(s))) + 1
}

// Default is what happens without a handler.
type Default uint8

const (
	Terminate Default = iota
	Dump
	Ignore
	Stop
	Continue
)

// DefaultOf is the default action of a signal (signal(7), "Standard signals").
func DefaultOf(n int32) Default {
	b := Bit(n)
	switch {
	case n == int32(unix.SIGCONT):
		return Continue
	case b&Ignored != 0:
		return Ignore
	case b&Stops != 0:
		return Stop
	case b&Core != 0:
		return Dump
	}
	return Terminate
}
