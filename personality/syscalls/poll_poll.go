package syscalls

import (
	"encoding/binary"
	"math"
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// deadlineOf is when a relative time-out ends, in ns since boot; negative is never,
// which is 0. It stays what it was when the call runs again.
func deadlineOf(c *task.Call, timeout int64) int64 {
	if c.Again {
		return c.State.Scratch3
	}
	if timeout < 0 {
		return 0
	}
	d := c.K.Now() + timeout
	if d < 0 {
		d = math.MaxInt64
	}
	c.State.Scratch3 = d
	return d
}

const pollSize = 8 // struct pollfd: int fd, short events, short revents

// sysPoll is poll(2).
func sysPoll(c *task.Call) task.Result {
	timeout := int64(int32(c.Args[2]))
	if timeout > 0 {
		timeout *= 1_000_000
	}
	return poll(c, timeout, task.RestartBlock)
}

// sysPpoll is ppoll(2). The time left is written back, as the system call does.
func sysPpoll(c *task.Call) task.Result {
	timeout, e := optionalTimeout(c, c.Args[2])
	if e != 0 {
		return fail(e)
	}
	if e := c.TemporaryMask(c.Args[3], c.Args[4]); e != 0 {
		return fail(e)
	}
	r := poll(c, timeout, task.RestartNoHand)
	return putTimeLeft(c, r, c.Args[2])
}

// pollSlack is how late a call that polls may be woken: as much as its thread may be, and a thousandth
// of the time that it waits, or five if the thread is nice, but not more than 100 ms of those
// (select_estimate_accuracy of Linux's fs/select.c).
func pollSlack(c *task.Call, deadline int64) int64 {
	const most = 100_000_000
	t := c.T
	if t.RealTime() {
		return 0
	}
	part := int64(1000)
	if t.Nice > 0 {
		part /= 5
	}
	return max(t.Slack(), min((deadline-c.K.Now())/part, most))
}

// optionalTimeout reads a struct timespec; none is -1.
func optionalTimeout(c *task.Call, va uint64) (int64, unix.Errno) {
	if va == 0 {
		return -1, 0
	}
	t, e := readTimespec(fileContext(c), va)
	if e != 0 {
		return 0, e
	}
	return timespecNS(t)
}

func timespecNS(t unix.Timespec) (int64, unix.Errno) {
	if t.Sec < 0 || t.Nsec < 0 || t.Nsec > 999_999_999 {
		return 0, unix.EINVAL
	}
	if t.Sec >= math.MaxInt64/1_000_000_000 {
		return math.MaxInt64, 0
	}
	return t.Sec*1_000_000_000 + t.Nsec, 0
}

func poll(c *task.Call, timeout int64, restart task.Restart) task.Result {
	x := fileContext(c)
	n := uint64(uint32(c.Args[1]))
	if n > x.OpenLimit {
		return fail(unix.EINVAL)
	}
	deadline := deadlineOf(c, timeout)
	var small [16 * pollSize]byte
	buf := small[:]
	if n*pollSize > uint64(len(small)) {
		if !c.K.RoomFor(n * (pollSize + uint64(unsafe.Sizeof(task.On{})))) {
			return fail(unix.ENOMEM)
		}
		buf = make([]byte, n*pollSize)
	}
	buf = buf[:n*pollSize]
	if _, e := usermem.CopyIn(x.Mem, buf, c.Args[0]); e != 0 {
		return fail(e)
	}
	le := binary.LittleEndian
	count := 0
	for i := uint64(0); i < n; i++ {
		b := buf[i*pollSize:]
		ev := pollOne(x, int32(le.Uint32(b)), wait.Events(le.Uint16(b[4:])))
		le.PutUint16(b[6:], uint16(ev))
		if ev != 0 {
			count++
		}
	}
	if count == 0 && timeout != 0 && !c.TimedOut {
		on := make([]task.On, 0, n)
		for i := uint64(0); i < n; i++ {
			b := buf[i*pollSize:]
			on = pollOn(x, on, int32(le.Uint32(b)), wait.Events(le.Uint16(b[4:])))
		}
		return c.BlockWithin(restart, deadline, pollSlack(c, deadline), on...)
	}
	for i := uint64(0); i < n; i++ {
		if _, e := usermem.CopyOut(x.Mem, c.Args[0]+i*pollSize+6, buf[i*pollSize+6:i*pollSize+8]); e != 0 {
			return fail(e)
		}
	}
	return task.Result(count)
}

// pollOne is what is true of a descriptor, of what is asked.
func pollOne(x *vfs.Context, fd int32, ask wait.Events) wait.Events {
	if fd < 0 {
		return 0
	}
	f := x.Files.Get(fd)
	if f == nil || f.IsPath() {
		return wait.NVal
	}
	return f.Ready(ask) & (ask | wait.Err | wait.Hup)
}

// pollOn adds what to wait for.
func pollOn(x *vfs.Context, on []task.On, fd int32, ask wait.Events) []task.On {
	if fd < 0 {
		return on
	}
	if f := x.Files.Get(fd); f != nil {
		if id := f.WaitID(); id != 0 {
			on = append(on, task.On{ID: id, Events: ask | wait.Err | wait.Hup})
		}
	}
	return on
}

// The three sets of select(2) and what they ask (poll(2) "select").
var selectAsks = [3]struct{ ask, answer wait.Events }{
	{wait.RdNrm | wait.RdBnd | wait.In, wait.RdNrm | wait.RdBnd | wait.In | wait.Hup | wait.Err},
	{wait.WrBnd | wait.WrNrm | wait.Out, wait.WrBnd | wait.WrNrm | wait.Out | wait.Err},
	{wait.Pri, wait.Pri},
}

// sysSelect is select(2) with struct timeval; the time left is written back.
func sysSelect(c *task.Call) task.Result {
	timeout := int64(-1)
	va := c.Args[4]
	if va != 0 {
		t, e := readTimespec(fileContext(c), va)
		if e != 0 {
			return fail(e)
		}
		if t.Sec < 0 || t.Nsec < 0 {
			return fail(unix.EINVAL)
		}
		if timeout = math.MaxInt64; t.Sec+t.Nsec/1_000_000 < math.MaxInt64/1_000_000_000 {
			timeout = t.Sec*1_000_000_000 + t.Nsec*1000
		}
	}
	r := selectSets(c, timeout)
	if r == task.Blocked || va == 0 {
		return r
	}
	left := timeLeft(c)
	x := fileContext(c)
	if usermem.Write64(x.Mem, va, uint64(left/1_000_000_000)) == 0 {
		_ = usermem.Write64(x.Mem, va+8, uint64(left%1_000_000_000/1000))
	}
	return r
}

// timeLeft is what remains of the time-out of a poll.
func timeLeft(c *task.Call) int64 { return max(0, c.State.Scratch3-c.K.Now()) }

// putTimeLeft writes the time left as ppoll and pselect do; a fault is ignored, as on Linux.
func putTimeLeft(c *task.Call, r task.Result, va uint64) task.Result {
	if r == task.Blocked || va == 0 {
		return r
	}
	left := timeLeft(c)
	x := fileContext(c)
	if usermem.Write64(x.Mem, va, uint64(left/1_000_000_000)) == 0 {
		_ = usermem.Write64(x.Mem, va+8, uint64(left%1_000_000_000))
	}
	return r
}

// sysPselect6 is pselect(2); the last argument points at the mask and its size.
func sysPselect6(c *task.Call) task.Result {
	timeout, e := optionalTimeout(c, c.Args[4])
	if e != 0 {
		return fail(e)
	}
	x := fileContext(c)
	if c.Args[5] != 0 {
		mask, e := usermem.Read64(x.Mem, c.Args[5])
		if e != 0 {
			return fail(e)
		}
		size, e := usermem.Read64(x.Mem, c.Args[5]+8)
		if e != 0 {
			return fail(e)
		}
		if e := c.TemporaryMask(mask, size); e != 0 {
			return fail(e)
		}
	}
	return putTimeLeft(c, selectSets(c, timeout), c.Args[4])
}

func selectSets(c *task.Call, timeout int64) task.Result {
	x := fileContext(c)
	n := int(int32(c.Args[0]))
	if n < 0 {
		return fail(unix.EINVAL)
	}
	deadline := deadlineOf(c, timeout)
	// Bits beyond the descriptor table's size are ignored, as on Linux.
	n = min(n, x.Files.Size())
	words := (n + 63) / 64
	var in, out [3][]uint64
	for s := range in {
		in[s], out[s] = make([]uint64, words), make([]uint64, words)
		if c.Args[1+s] == 0 {
			continue
		}
		for w := range in[s] {
			v, e := usermem.Read64(x.Mem, c.Args[1+s]+8*uint64(w))
			if e != 0 {
				return fail(e)
			}
			if w == words-1 && n%64 != 0 {
				v &= 1<<(n%64) - 1
			}
			in[s][w] = v
		}
	}
	count := 0
	var on []task.On
	for fd := range n {
		w, bit := fd/64, uint64(1)<<(fd%64)
		var ask wait.Events
		for s := range in {
			if in[s][w]&bit != 0 {
				ask |= selectAsks[s].ask
			}
		}
		if ask == 0 {
			continue
		}
		f := x.Files.Get(int32(fd))
		if f == nil || f.IsPath() {
			return fail(unix.EBADF)
		}
		ev := f.Ready(ask)
		for s := range in {
			if in[s][w]&bit != 0 && ev&selectAsks[s].answer != 0 {
				out[s][w] |= bit
				count++
			}
		}
		if count == 0 {
			on = pollOn(x, on, int32(fd), ask)
		}
	}
	if count == 0 && timeout != 0 && !c.TimedOut {
		return c.BlockWithin(task.RestartNoHand, deadline, pollSlack(c, deadline), on...)
	}
	for s := range out {
		if c.Args[1+s] == 0 {
			continue
		}
		for w, v := range out[s] {
			if e := usermem.Write64(x.Mem, c.Args[1+s]+8*uint64(w), v); e != 0 {
				return fail(e)
			}
		}
	}
	return task.Result(count)
}
