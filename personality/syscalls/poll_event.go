package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/event"
)

// sysEventfd is eventfd(2) of old, sysEventfd2 that with flags.
func sysEventfd(c *task.Call) task.Result  { return eventfd(c, 0) }
func sysEventfd2(c *task.Call) task.Result { return eventfd(c, int(int32(c.Args[1]))) }

func eventfd(c *task.Call, flags int) task.Result {
	if flags&^(unix.EFD_CLOEXEC|unix.EFD_NONBLOCK|unix.EFD_SEMAPHORE) != 0 {
		return fail(unix.EINVAL)
	}
	f, e := c.K.Events.EventFD(uint32(c.Args[0]), flags)
	return install(fileContext(c), f, e, flags&unix.EFD_CLOEXEC != 0)
}

// install gives a new file a descriptor.
func install(x *vfs.Context, f *vfs.File, e unix.Errno, cloexec bool) task.Result {
	if e != 0 {
		return fail(e)
	}
	fd, e := x.Alloc(f, 0, cloexec)
	return either(int64(fd), e)
}

// sysTimerfdCreate is timerfd_create(2).
func sysTimerfdCreate(c *task.Call) task.Result {
	flags := int(int32(c.Args[1]))
	clock := int32(c.Args[0])
	x := fileContext(c)
	if flags&^(unix.TFD_CLOEXEC|unix.TFD_NONBLOCK) != 0 {
		return fail(unix.EINVAL)
	}
	switch clock {
	case unix.CLOCK_REALTIME, unix.CLOCK_MONOTONIC, unix.CLOCK_BOOTTIME:
	case unix.CLOCK_REALTIME_ALARM, unix.CLOCK_BOOTTIME_ALARM:
		if !x.Capable(unix.CAP_WAKE_ALARM) {
			return fail(unix.EPERM)
		}
	default:
		return fail(unix.EINVAL)
	}
	f, e := c.K.Events.TimerFD(clock, flags)
	return install(x, f, e, flags&unix.TFD_CLOEXEC != 0)
}

// timerFile finds the timer of a descriptor.
func timerFile(x *vfs.Context, fd uint64) (*event.TimerFD, unix.Errno) {
	f := openFile(x, fd)
	if f == nil {
		return nil, unix.EBADF
	}
	t := event.TimerOf(f)
	if t == nil {
		return nil, unix.EINVAL
	}
	return t, 0
}

// sysTimerfdSettime is timerfd_settime(2).
func sysTimerfdSettime(c *task.Call) task.Result {
	x := fileContext(c)
	interval, e := readTimespec(x, c.Args[2])
	if e != 0 {
		return fail(e)
	}
	value, e := readTimespec(x, c.Args[2]+16)
	if e != 0 {
		return fail(e)
	}
	in, e := timespecNS(interval)
	if e != 0 {
		return fail(e)
	}
	v, e := timespecNS(value)
	if e != 0 || uint32(c.Args[1])&^(unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET) != 0 {
		return fail(unix.EINVAL)
	}
	t, e := timerFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	oldValue, oldInterval := c.K.Events.Settings(t)
	c.K.Events.Arm(t, v, in, int32(c.Args[1]))
	if c.Args[3] != 0 {
		return fail(putSettings(x, c.Args[3], oldValue, oldInterval))
	}
	return 0
}

// sysTimerfdGettime is timerfd_gettime(2).
func sysTimerfdGettime(c *task.Call) task.Result {
	x := fileContext(c)
	t, e := timerFile(x, c.Args[0])
	if e != 0 {
		return fail(e)
	}
	value, interval := c.K.Events.Settings(t)
	return fail(putSettings(x, c.Args[1], value, interval))
}

// putSettings writes a struct itimerspec.
func putSettings(x *vfs.Context, va uint64, value, interval int64) unix.Errno {
	for i, ns := range []int64{interval, value} {
		if e := usermem.Write64(x.Mem, va+16*uint64(i), uint64(ns/1_000_000_000)); e != 0 {
			return e
		}
		if e := usermem.Write64(x.Mem, va+16*uint64(i)+8, uint64(ns%1_000_000_000)); e != 0 {
			return e
		}
	}
	return 0
}

// sysSignalfd is signalfd(2) of old, sysSignalfd4 that with flags.
func sysSignalfd(c *task.Call) task.Result  { return signalfd(c, 0) }
func sysSignalfd4(c *task.Call) task.Result { return signalfd(c, int(int32(c.Args[3]))) }

func signalfd(c *task.Call, flags int) task.Result {
	x := fileContext(c)
	if c.Args[2] != 8 || flags&^(unix.SFD_CLOEXEC|unix.SFD_NONBLOCK) != 0 {
		return fail(unix.EINVAL)
	}
	mask, e := usermem.Read64(x.Mem, c.Args[1])
	if e != 0 {
		return fail(e)
	}
	mask &^= 1<<(unix.SIGKILL-1) | 1<<(unix.SIGSTOP-1)
	if int32(c.Args[0]) == -1 {
		f, e := c.K.Events.SignalFD(mask, flags)
		return install(x, f, e, flags&unix.SFD_CLOEXEC != 0)
	}
	f := openFile(x, c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	if e := c.K.Events.SetSignalMask(f, mask); e != 0 {
		return fail(e)
	}
	return task.Result(int32(c.Args[0]))
}
