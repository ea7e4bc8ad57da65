package vfs

import (
	"golang.org/x/sys/unix"

	"starling/personality/cred"
	"starling/personality/state"
	"starling/personality/usermem"
	"starling/personality/wait"
)

// Context says for whom an operation runs. The system call layer fills one per
// call; it is not kept.
type Context struct {
	V     *VFS
	Cred  *cred.Cred
	FS    *FSContext
	Files *FDTable
	Mem   usermem.Memory
	// Task is the calling thread. Who needs more of it than is here asserts the
	// interface it needs (a terminal: session and process group).
	Task any
	// Thread is the caller in the wait table.
	Thread wait.Thread
	PID    int32
	TID    int32
	// FileSizeLimit is RLIMIT_FSIZE and OpenLimit RLIMIT_NOFILE.
	FileSizeLimit uint64
	OpenLimit     uint64

	// IO is for the call's own use: one that is not allocated.
	IO usermem.IO

	// Call is the state of the call that survives blocking; nil outside a call.
	Call *state.CallT
	// Again: the call blocked before. TimedOut: because of its deadline it runs again.
	Again    bool
	TimedOut bool

	// Deadline may be set by an operation that returns EAGAIN: ns since boot
	// after which the call is to run again with TimedOut. 0: none.
	Deadline int64
	// WaitOn may be set by an operation that returns EAGAIN where the file's own
	// WaitID is not what to wait for.
	WaitOn wait.ID
	// Raise is a signal for the calling thread, set by an operation that fails
	// with EPIPE or EFBIG.
	Raise unix.Signal
	// NonBlock: this call shall not wait (MSG_DONTWAIT, RWF_NOWAIT). O_NONBLOCK
	// is the call layer's business.
	NonBlock bool
	// NoRestart: a signal ends the wait with EINTR whatever SA_RESTART says (signal(7):
	// sockets with a timeout).
	NoRestart bool
}

// Begin makes a Context ready for another call of a thread whose fields the caller
// sets: only what a call leaves behind is cleared, IO is not.
func (c *Context) Begin() {
	c.Call, c.Again, c.TimedOut = nil, false, false
	c.Deadline, c.WaitOn, c.Raise = 0, 0, 0
	c.NonBlock, c.NoRestart = false, false
}

// Errors of the call layer that programs never see, with Linux's numbers
// (include/linux/errno.h): an operation that wants its call to be restarted
// after the signal it has just caused returns one.
const (
	ERESTARTSYS    = unix.Errno(512)
	ERESTARTNOINTR = unix.Errno(513)
)
