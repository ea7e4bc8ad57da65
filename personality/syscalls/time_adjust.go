package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
)

// adjtimex(2): the discipline of the clock can be read, and the clock be set by an
// offset; it always runs at the speed of the hardware.

// timexSize is the size of struct timex in bytes; the offsets of its fields follow.
const (
	timexSize      = 208
	timexModes     = 0
	timexOffset    = 8
	timexFreq      = 16
	timexMaxError  = 24
	timexEstError  = 32
	timexStatus    = 40
	timexConstant  = 48
	timexPrecision = 56
	timexTolerance = 64
	timexSeconds   = 72
	timexFraction  = 80
	timexTick      = 88
	timexTAI       = 160
)

const (
	adjAdjtime  = 0x8000 // ADJ_ADJTIME: the old adjtime(3)
	adjReadOnly = 0x2000 // with it: ADJ_OFFSET_READONLY
	// normalTick is the us between two ticks of USER_HZ.
	normalTick = 10_000
	// tolerance is 500 ppm as adjtimex(2) scales it.
	tolerance = 500 << 16
	// statusFixed are the bits of the status that programs cannot change (STA_RONLY).
	statusFixed = 0xff00
	// maxConstant is MAXTC.
	maxConstant = 10
)

func adjtimex(c *task.Call) task.Result { return adjust(c, c.Args[0]) }

func clockAdjtime(c *task.Call) task.Result {
	id := int32(c.Args[0])
	if id == unix.CLOCK_REALTIME {
		return adjust(c, c.Args[1])
	}
	if _, _, cpu, _ := cpuClock(c, id, false); cpu || alarmClock(id) {
		return fail(unix.EOPNOTSUPP)
	}
	if _, e := c.K.Clock.Read(id); e != 0 {
		return fail(e)
	}
	return fail(unix.EOPNOTSUPP)
}

func adjust(c *task.Call, va uint64) task.Result {
	var b [timexSize]byte
	if _, e := usermem.CopyIn(c.Mem(), b[:], va); e != 0 {
		return fail(e)
	}
	le := binary.LittleEndian
	if e := applyTimex(c, b[:]); e != 0 {
		return fail(e)
	}
	k := c.K.Clock
	now := c.K.WallNow()
	fraction := now % secondNS
	if k.Status&unix.STA_NANO == 0 {
		fraction /= microsecond
	}
	for _, f := range [...]struct {
		at int
		v  int64
	}{
		{timexOffset, 0}, {timexFreq, 0}, {timexMaxError, k.MaxError}, {timexEstError, k.EstError},
		{timexConstant, k.Constant}, {timexPrecision, 1}, {timexTolerance, tolerance},
		{timexSeconds, now / secondNS}, {timexFraction, fraction}, {timexTick, normalTick},
	} {
		le.PutUint64(b[f.at:], uint64(f.v))
	}
	le.PutUint32(b[timexStatus:], uint32(k.Status))
	clear(b[timexTick+8 : timexTAI])
	le.PutUint32(b[timexTAI:], uint32(k.TaiOffset))
	if _, e := usermem.CopyOut(c.Mem(), va, b[:]); e != 0 {
		return fail(e)
	}
	if k.Status&(unix.STA_UNSYNC|unix.STA_CLOCKERR) != 0 {
		return unix.TIME_ERROR
	}
	return unix.TIME_OK
}

// applyTimex does what the modes ask for.
func applyTimex(c *task.Call, b []byte) unix.Errno {
	le := binary.LittleEndian
	field := func(at int) int64 { return int64(le.Uint64(b[at:])) }
	modes := le.Uint32(b[timexModes:])
	mayset := c.T.Cred.Has(unix.CAP_SYS_TIME)
	if modes&adjAdjtime != 0 {
		switch {
		case modes&unix.ADJ_OFFSET == 0:
			return unix.EINVAL
		case modes&adjReadOnly != 0:
			return 0
		case !mayset:
			return unix.EPERM
		case field(timexOffset) != 0:
			return unix.EINVAL
		}
		return 0
	}
	if modes != 0 && !mayset {
		return unix.EPERM
	}
	if modes&unix.ADJ_TICK != 0 && field(timexTick) != normalTick ||
		modes&unix.ADJ_FREQUENCY != 0 && field(timexFreq) != 0 ||
		modes&unix.ADJ_OFFSET != 0 && field(timexOffset) != 0 {
		return unix.EINVAL
	}
	k := c.K.Clock
	if modes&unix.ADJ_SETOFFSET != 0 {
		fraction := field(timexFraction)
		if modes&unix.ADJ_NANO == 0 {
			if fraction < 0 || fraction >= secondNS/microsecond {
				return unix.EINVAL
			}
			fraction *= microsecond
		}
		if fraction < 0 || fraction >= secondNS {
			return unix.EINVAL
		}
		seconds := field(timexSeconds)
		if limit := int64(1) << 33; seconds > limit || seconds < -limit {
			return unix.EINVAL
		}
		if e := setWall(c, c.K.WallNow()+seconds*secondNS+fraction); e != 0 {
			return e
		}
	}
	if modes&unix.ADJ_STATUS != 0 {
		k.Status = k.Status&statusFixed | int32(le.Uint32(b[timexStatus:]))&^statusFixed
	}
	if modes&unix.ADJ_NANO != 0 {
		k.Status |= unix.STA_NANO
	}
	if modes&unix.ADJ_MICRO != 0 {
		k.Status &^= unix.STA_NANO
	}
	if modes&unix.ADJ_MAXERROR != 0 {
		k.MaxError = field(timexMaxError)
	}
	if modes&unix.ADJ_ESTERROR != 0 {
		k.EstError = field(timexEstError)
	}
	if modes&unix.ADJ_TIMECONST != 0 {
		k.Constant = min(max(field(timexConstant), 0), maxConstant)
	}
	if modes&unix.ADJ_TAI != 0 {
		if v := field(timexConstant); v >= 0 && v < 1<<31 {
			k.TaiOffset = int32(v)
			c.K.ClockChanged()
		}
	}
	return 0
}
