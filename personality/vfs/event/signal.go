package event

import (
	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// infoSize is the size of struct signalfd_siginfo in bytes.
const infoSize = 128

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
	if s := m.v.Current; s != nil {
		m.v.Waits.Wake(s.SignalWaitID(), wait.In)
	}
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
	s := o.m.v.Current
	if s == nil || io.Len() < infoSize {
		return 0, unix.EINVAL
	}
	done := 0
	var info [infoSize]byte
	for io.Len() >= infoSize {
		clear(info[:])
		if !s.TakeSignal(f.Key0, &info) {
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
	if s := o.m.v.Current; s != nil && s.PendingSignals()&f.Key0 != 0 {
		return wait.In & mask
	}
	return 0
}

// WaitID implements vfs.FileOps.
func (o signalOps) WaitID(*vfs.File) wait.ID {
	if s := o.m.v.Current; s != nil {
		return s.SignalWaitID()
	}
	return 0
}
