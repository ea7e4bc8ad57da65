package runtime

import "unsafe"

// Stock Go asks its operating system for a few dozen things, each through one
// instruction in a handful of assembly files. The overlay makes that instruction
// a call to oscall, which saves the registers as the instruction would and calls
// bareCall on a stack and a g of its own. Here the questions are answered; what
// differs between the kernel and a server is in the profile's files:
//
//	bareInit    first call of all: find memory and clock
//	bareCommit  memory is about to be used: make it there, and zero
//	bareWrite   output of print, panic and os.Stdout
//	bareExit    the end
//	bareClock   the parameters of the clock
//	bareIdle    nothing can run until a time
//
// The numbers (bareSys...) are those of the instruction set's system call table
// and stand in calls_GOARCH.go.

// bareG is the g that bareCall runs on: it has no goroutine to run on before
// the scheduler exists, and none with enough stack afterwards.
var bareG g

var bareReady bool

const (
	bareENOENT    = 2
	bareENOMEM    = 12
	bareEINVAL    = 22
	bareENOSYS    = 38
	bareETIMED    = 110
	bareFixed     = 0x10 // MAP_FIXED
	bareProtWrite = 2    // PROT_WRITE: the memory will be used
)

// bareCall answers one call of the runtime: a result, or an errno as a value
// from -4095 to -1. It must not allocate, block or touch a Go pointer.
//
//go:nowritebarrierrec
func bareCall(nr, a1, a2, a3, a4, a5, a6 uintptr) uintptr {
	if !bareReady {
		bareReady = true
		bareInit()
	}
	switch nr {
	case bareSysWrite:
		bareWrite(a2, a3)
		return a3
	case bareSysRead:
		return 0 // end of file: there is no input
	case bareSysMmap:
		return bareMemory.mmap(a1, a2, a3&bareProtWrite != 0, a4&bareFixed != 0)
	case bareSysMunmap:
		bareMemory.munmap(a1, a2)
		return 0
	case bareSysExit, bareSysExitGroup:
		bareExit(int32(a1))
	case bareSysGetpid, bareSysGettid:
		return 1
	case bareSysAffinity: // one processor, in a set of 8 bytes
		*(*uint64)(unsafe.Pointer(a3)) = 1
		return 8
	case bareSysFutex:
		return bareFutex(a1, a2, a3, a4)
	case bareSysNanosleep:
		t := (*timespec)(unsafe.Pointer(a1))
		for end := bareNanotime() + t.tv_sec*1e9 + t.tv_nsec; bareNanotime() < end; {
		}
		return 0
	case bareSysClock:
		n := bareNanotime()
		if a1 == 0 { // CLOCK_REALTIME
			n += int64(bareClock().Wall)
		}
		t := (*timespec)(unsafe.Pointer(a2))
		t.tv_sec, t.tv_nsec = n/1e9, n%1e9
		return 0
	case bareSysRandom:
		bareRandomBytes(a1, a2)
		return a2
	case bareSysOpenat, bareSysReadlinkat, bareSysFaccessat, bareSysFstatat:
		return bareError(bareENOENT) // there are no files
	case bareSysPrctl:
		return bareError(bareEINVAL) // turns the naming of memory areas off
	case bareSysMadvise, bareSysMprotect, bareSysSigaction, bareSysSigmask, bareSysSigaltstack,
		bareSysYield, bareSysTgkill, bareSysFcntl, bareSysClose:
		// Memory stays (needZeroAfterSysUnusedOS says so), nobody sends
		// signals, and there are no descriptors.
		return 0
	}
	return bareError(bareENOSYS)
}

func bareError(errno uintptr) uintptr { return -errno }

// bareFutex: with a single thread nobody can wake a sleeper, so a wait that
// would sleep forever is the end, and one with a time-out has timed out.
func bareFutex(addr, op, val, timeout uintptr) uintptr {
	const wait, command = 0, 0x7f
	if op&command != wait || *(*uint32)(unsafe.Pointer(addr)) != uint32(val) {
		return 0
	}
	if timeout != 0 {
		return bareError(bareETIMED)
	}
	throw("the only thread waits for itself")
	return 0
}

// bareRandom is the state of the generator behind getrandom: xorshift64*
// (Vigna, An experimental exploration of Marsaglia's xorshift generators),
// seeded by the profile. It gives hash seeds, not secrets.
var bareRandom uint64

func bareRandomBytes(p, n uintptr) {
	if bareRandom == 0 {
		bareRandom = uint64(bareTicks()) | 1
	}
	for i := uintptr(0); i < n; i++ {
		bareRandom ^= bareRandom >> 12
		bareRandom ^= bareRandom << 25
		bareRandom ^= bareRandom >> 27
		*(*byte)(unsafe.Pointer(p + i)) = byte(bareRandom * 0x2545f4914f6cdd1d >> 56)
	}
}
