package event

import (
	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// infoSize is the size of struct signalfd_siginfo in bytes.
const infoSize = 128

// Signals is what signalfd(2) needs of the calling thread (vfs.VFS.Current).
type Signals interface {
	// PendingSignals has bit n-1 for every signal n pending for the thread or its process.
	PendingSignals() uint64
	// TakeSignal takes the next pending signal of mask off its queue and fills
	// info, a struct signalfd_siginfo.
	TakeSignal(mask uint64, info *[128]byte) bool
	// SignalWaitID is woken when a signal becomes pending for the thread or its process.
	SignalWaitID() wait.ID
}

// nobody has no signals: outside of a call.
type nobody struct{}

func (nobody) PendingSignals() uint64                  { return 0 }
func (nobody) TakeSignal(uint64, *[infoSize]byte) bool { return false }
func (nobody) SignalWaitID() wait.ID                   { return 0 }

func (m *Events) caller() Signals {
	if s, ok := m.v.Current.(Signals); ok {
		return s
	}
	return nobody{}
}

// SignalFD makes the file of signalfd4(2). Mask has bit n-1 for signal n.
func (m *Events) SignalFD(mask uint64, flags int) (*vfs.File, unix.Errno) {
	return m.v.NewAnonFile("anon_inode:[signalfd]", vfs.KindSignalFD, mask, signalOps{m: m}, unix.O_RDWR|uint32(flags)&unix.O_NONBLOCK)
}

// SetSignalMask is signalfd4(2) on a file that exists already.
func (m *Events) SetSignalMask(f *vfs.File, mask uint64) unix.Errno {
	if f.Kind != vfs.KindSignalFD {
		return unix.EINVAL
	}
	f.Key0 = mask
	m.v.Waits.Wake(m.caller().SignalWaitID(), wait.In)
	return 0
}

type signalKind struct{ m *Events }

// Reopen implements vfs.Kind.
func (k signalKind) Reopen(f *vfs.File) unix.Errno {
	f.Ops = signalOps{m: k.m}
	return 0
}

// signalOps reads the signals of whoever reads (signalfd(2)).
type signalOps struct {
	vfs.FileBase
	m *Events
}

// Read implements vfs.FileOps.
func (o signalOps) Read(_ *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	if io.Len() < infoSize {
		return 0, unix.EINVAL
	}
	done := 0
	var info [infoSize]byte
	for io.Len() >= infoSize {
		clear(info[:])
		if !o.m.caller().TakeSignal(f.Key0, &info) {
			break
		}
		n, e := io.Put(info[:])
		if e != 0 {
			if done > 0 {
				return done, 0
			}
			return 0, e
		}
		done += n
	}
	if done == 0 {
		return 0, unix.EAGAIN
	}
	return done, 0
}

// Ready implements vfs.FileOps.
func (o signalOps) Ready(f *vfs.File, mask wait.Events) wait.Events {
	if o.m.caller().PendingSignals()&f.Key0 != 0 {
		return wait.In & mask
	}
	return 0
}

// WaitID implements vfs.FileOps.
func (o signalOps) WaitID(*vfs.File) wait.ID {
	return o.m.caller().SignalWaitID()
}
