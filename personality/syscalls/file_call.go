package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/personality/signal"
	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// fileContext is the caller as the file layer sees it.
func fileContext(c *task.Call) *vfs.Context {
	x := c.K.FileContext(c.T)
	x.Call, x.Again, x.TimedOut = c.State, c.Again, c.TimedOut
	c.K.VFS.Current = x.Task
	return x
}

// fail is the result of a call that failed; 0 is success.
func fail(e unix.Errno) task.Result { return task.Result(-int64(e)) }

// either is n, or the error.
func either(n int64, e unix.Errno) task.Result {
	if e != 0 {
		return fail(e)
	}
	return task.Result(n)
}

// openFile is the description of a descriptor that may be used for more than its
// place: nil for O_PATH too.
func openFile(x *vfs.Context, fd uint64) *vfs.File {
	f := x.Files.Get(int32(fd))
	if f == nil || f.IsPath() {
		return nil
	}
	return f
}

// waitFor blocks the call until ev may be true of f, as the operation that answered
// EAGAIN has left it in x.
func waitFor(c *task.Call, x *vfs.Context, f *vfs.File, ev wait.Events) task.Result {
	id := x.WaitOn
	if id == 0 {
		id = f.WaitID()
	}
	if id == 0 {
		return fail(unix.EAGAIN)
	}
	how := task.RestartSys
	if x.NoRestart {
		how = task.Interrupt
	}
	return c.Block(how, x.Deadline, task.On{ID: id, Events: ev | wait.Err | wait.Hup})
}

// mayWait reports whether a call that got EAGAIN is to block.
func mayWait(x *vfs.Context, f *vfs.File) bool {
	return !f.NonBlock() && !x.NonBlock && !(x.TimedOut && x.Deadline != 0)
}

// raised sends the signal an operation asked for.
func raised(c *task.Call, x *vfs.Context) {
	if x.Raise != 0 {
		// A full queue loses it, as everywhere.
		_, _ = c.K.SignalThread(c.T, signal.User(int32(x.Raise), signal.SIUser, x.PID, x.Cred.UID))
		x.Raise = 0
	}
}

// readEnd turns what an operation that reads returned into the call's result.
func readEnd(c *task.Call, x *vfs.Context, f *vfs.File, n int, e unix.Errno) task.Result {
	if n > 0 || e == 0 {
		return task.Result(n)
	}
	if e == unix.EAGAIN && mayWait(x, f) {
		return waitFor(c, x, f, wait.In|wait.RdNrm|wait.RdHup)
	}
	raised(c, x)
	return fail(e)
}

// writeEnd is readEnd for writing: a blocking write goes on until all is written. What
// earlier runs wrote is in c.State.Done.
func writeEnd(c *task.Call, x *vfs.Context, f *vfs.File, n int, e unix.Errno) task.Result {
	total := int64(n)
	if c.Again {
		total += c.State.Done
	}
	if e == unix.EAGAIN && mayWait(x, f) {
		c.State.Done = total
		return waitFor(c, x, f, wait.Out|wait.WrNrm)
	}
	raised(c, x)
	if total > 0 {
		return task.Result(total)
	}
	return fail(e)
}

// maxIovecs is UIO_MAXIOV.
const maxIovecs = 1024

// vector makes x.IO the pieces that an iovec array of the program names, at most
// vfs.MaxCount bytes in all (readv(2)).
func vector(x *vfs.Context, va, count uint64) unix.Errno {
	if count > maxIovecs {
		return unix.EINVAL
	}
	iov := make([]usermem.Iovec, 0, count)
	total := uint64(0)
	for i := range count {
		base, e := usermem.Read64(x.Mem, va+16*i)
		if e != 0 {
			return e
		}
		n, e := usermem.Read64(x.Mem, va+16*i+8)
		if e != 0 {
			return e
		}
		if int64(n) < 0 {
			return unix.EINVAL
		}
		n = min(n, vfs.MaxCount-total)
		total += n
		iov = append(iov, usermem.Iovec{Base: base, Len: n})
	}
	x.IO.InitVector(x.Mem, iov)
	return 0
}
