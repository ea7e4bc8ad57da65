package task

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/signal"
	"starling/personality/vfs"
)

// LoadAverage is the load of the last 1, 5 and 15 minutes with 16 fraction bits, as
// sysinfo(2) shows it.
func (k *Core) LoadAverage() [3]uint64 {
	const shift = 16 - 11 // the clock keeps 11 fraction bits
	return [3]uint64{k.Clock.Load1 << shift, k.Clock.Load5 << shift, k.Clock.Load15 << shift}
}

// Memory is how much memory programs and files can use, how much of it is free, and how
// much is in files of tmpfs, in bytes.
type Memory struct{ Total, Free, Shared uint64 }

// Memory asks the pager's published header and the file systems' accounts.
func (k *Core) Memory() Memory {
	s := k.Pager.Stats()
	m := Memory{Total: s.FramesTotal * isa.PageSize, Free: s.FramesFree * isa.PageSize}
	var seen []*vfs.Super
	for _, mnt := range k.VFS.Mounts() {
		if !slices.Contains(seen, mnt.Super) {
			seen = append(seen, mnt.Super)
			m.Shared += mnt.Super.Pages * isa.PageSize
		}
	}
	return m
}

// SignalSelf sends a signal of the kernel's to the calling thread: SIGPIPE, SIGXFSZ.
func (k *Core) SignalSelf(t *Thread, sig unix.Signal) {
	k.SignalThread(t, signal.User(int32(sig), signal.SIUser, t.Proc.Pid, t.Cred.UID))
}
