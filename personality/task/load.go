package task

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/signal"
	"starling/personality/vfs"
)

// Load averages as Linux computes them (include/linux/sched/loadavg.h): fixed-point
// numbers with loadShift fraction bits, sampled every five seconds.
const (
	loadShift  = 11
	loadOne    = 1 << loadShift
	loadPeriod = 5e9 + 1e7 // ns: LOAD_FREQ is 5 s and one tick of 100 Hz
)

// loadDecay is exp(-5s/1min), exp(-5s/5min), exp(-5s/15min).
var loadDecay = [3]uint64{1884, 2014, 2037}

// sampleLoad brings the averages up to date.
func (k *Core) sampleLoad() {
	if k.Now() < k.loadAt {
		return
	}
	running, _ := k.RunnableThreads()
	const most = 64 // after a long sleep more samples change nothing
	for n := 0; k.loadAt <= k.Now() && n < most; n++ {
		k.loadAt += loadPeriod
		for i, d := range loadDecay {
			active := uint64(running) << loadShift
			l := k.loads[i]*d + active*(loadOne-d)
			if active >= k.loads[i] {
				l += loadOne - 1
			}
			k.loads[i] = l >> loadShift
		}
	}
	if k.loadAt <= k.Now() {
		k.loadAt = k.Now() + loadPeriod
	}
}

// LoadAverage is the load of the last 1, 5 and 15 minutes with 16 fraction bits, as
// sysinfo(2) shows it.
func (k *Core) LoadAverage() (l [3]uint64) {
	const sysinfoShift = 16
	for i := range l {
		l[i] = k.loads[i] << (sysinfoShift - loadShift)
	}
	return l
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
