package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/clock"
	"starling/personality/task"
	"starling/personality/usermem"
)

// Sizes of time structures in bytes, and the units in ns.
const (
	timespecSize = 16
	timevalSize  = 16
	microsecond  = 1_000
	secondNS     = 1_000_000_000
)

// getTimespec reads a struct timespec as ns. EINVAL when it is not normalised.
func getTimespec(c *task.Call, va uint64) (int64, unix.Errno) {
	var b [timespecSize]byte
	if _, e := usermem.CopyIn(c.Mem(), b[:], va); e != 0 {
		return 0, e
	}
	return clock.Nanoseconds(int64(binary.LittleEndian.Uint64(b[0:])), int64(binary.LittleEndian.Uint64(b[8:])))
}

// putTimespec writes ns as a struct timespec.
func putTimespec(c *task.Call, va uint64, ns int64) unix.Errno {
	return putPair(c, va, ns/secondNS, ns%secondNS)
}

// putTimeval writes ns as a struct timeval.
func putTimeval(c *task.Call, va uint64, ns int64) unix.Errno {
	return putPair(c, va, ns/secondNS, ns%secondNS/microsecond)
}

func putPair(c *task.Call, va uint64, a, b int64) unix.Errno {
	var p [16]byte
	binary.LittleEndian.PutUint64(p[0:], uint64(a))
	binary.LittleEndian.PutUint64(p[8:], uint64(b))
	_, e := usermem.CopyOut(c.Mem(), va, p[:])
	return e
}

// getTwoTimes reads two struct timespec, the interval first: struct itimerspec.
func getTwoTimes(c *task.Call, va uint64) (interval, value int64, e unix.Errno) {
	var b [2 * timespecSize]byte
	if _, e := usermem.CopyIn(c.Mem(), b[:], va); e != 0 {
		return 0, 0, e
	}
	le := binary.LittleEndian
	interval, e = clock.Nanoseconds(int64(le.Uint64(b[0:])), int64(le.Uint64(b[8:])))
	if e == 0 {
		value, e = clock.Nanoseconds(int64(le.Uint64(b[16:])), int64(le.Uint64(b[24:])))
	}
	return interval, value, e
}

// putTwoTimes writes struct itimerspec.
func putTwoTimes(c *task.Call, va uint64, interval, value int64) unix.Errno {
	if e := putTimespec(c, va, interval); e != 0 {
		return e
	}
	return putTimespec(c, va+timespecSize, value)
}

// fromTimeval is ns of a timeval. EINVAL when it is not normalised or negative.
func fromTimeval(sec, usec int64) (int64, unix.Errno) {
	if usec < 0 || usec >= secondNS/microsecond {
		return 0, unix.EINVAL
	}
	return clock.Nanoseconds(sec, usec*microsecond)
}
