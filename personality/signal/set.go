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

// Bit is the set of one signal.
func Bit(n int32) Set { return 1 << uint(n-1) }

// Has reports whether n is in the set.
func (s Set) Has(n int32) bool { return s>>uint(n-1)&1 != 0 }

// Valid reports whether n is a signal number.
func Valid(n int32) bool { return n >= 1 && n <= Max }

var (
	// Unblockable can be neither blocked, ignored nor handled.
	Unblockable = Of(unix.SIGKILL, unix.SIGSTOP)
	// Stops stop the process by default.
	Stops = Of(unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU)
	// Synchronous signals are taken before all others: they belong to the
	// instruction that the thread is at.
	Synchronous = Of(unix.SIGSEGV, unix.SIGBUS, unix.SIGILL, unix.SIGTRAP, unix.SIGFPE, unix.SIGSYS)
	// Ignored are those whose default is to do nothing.
	Ignored = Of(unix.SIGCONT, unix.SIGCHLD, unix.SIGWINCH, unix.SIGURG)
	// Core are those whose default is to end with a core dump.
	Core = Of(unix.SIGQUIT, unix.SIGILL, unix.SIGTRAP, unix.SIGABRT, unix.SIGFPE, unix.SIGSEGV,
		unix.SIGBUS, unix.SIGSYS, unix.SIGXCPU, unix.SIGXFSZ)
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
