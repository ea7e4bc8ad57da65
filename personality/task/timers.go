package task

import (
	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/personality/clock"
	"starling/personality/signal"
)

// timers is the core as the clock sees it: what happens when time passes.
type timers Core

var _ clock.Sink = (*timers)(nil)

// ThreadCPU implements clock.Accounts.
func (s *timers) ThreadCPU(tid int32) (user, system int64, ok bool) {
	t := (*Core)(s).Thread(tid)
	if t == nil {
		return 0, 0, false
	}
	return t.UserTime, t.SystemTime, true
}

// ProcessCPU implements clock.Accounts.
func (s *timers) ProcessCPU(pid int32) (user, system int64, ok bool) {
	k := (*Core)(s)
	p := k.Process(pid)
	if p == nil {
		return 0, 0, false
	}
	user, system = k.ProcessTimes(p)
	return user, system, true
}

// CallExpired implements clock.Sink: id is the slot of the thread.
func (s *timers) CallExpired(id uint64) {
	k := (*Core)(s)
	if id < uint64(len(k.slots)) && k.slots[id] != nil {
		k.slots[id].timedOut = true
		k.enqueue(k.slots[id])
	}
}

// TimerFDExpired implements clock.Sink.
func (s *timers) TimerFDExpired(id uint64) {
	if s.TimerFD != nil {
		s.TimerFD(id)
	}
}

// SendTimerSignal implements clock.Sink.
func (s *timers) SendTimerSignal(x clock.TimerSignal) clock.Outcome {
	k := (*Core)(s)
	p := k.Process(x.Process)
	if p == nil || p.Zombie {
		return clock.Gone
	}
	i := signal.Kernel(x.Signal)
	if x.Posix {
		i = signal.Timer(x.Signal, x.Number, 0, x.Value)
	}
	var t *Thread
	to := p.Any()
	if x.Thread != 0 {
		if t = k.Thread(x.Thread); t == nil || !t.Alive() || t.Proc != p {
			return clock.Gone
		}
		to = t
	}
	if to == nil || k.ignored(to, i.Signo) {
		return clock.Ignored
	}
	k.Send(t, p, &i)
	return clock.Queued
}

// AccountCPU implements clock.Sink: a recalled thread reports with its time.
func (s *timers) AccountCPU(pid int32) {
	k := (*Core)(s)
	if p := k.Process(pid); p != nil {
		for _, t := range p.threads {
			if t.Run == Running {
				k.Transport.ThreadRecall(ipc.Handle(t.Handle))
			}
		}
	}
}

// CPULimit implements clock.Sink: RLIMIT_CPU is SIGXCPU every second from the soft limit on,
// and the end at the hard one (setrlimit(2)).
func (s *timers) CPULimit(pid int32, used int64) int64 {
	k := (*Core)(s)
	p := k.Process(pid)
	if p == nil || p.Zombie {
		return 0
	}
	l := &p.Limits[rlimitCPU]
	switch {
	case l.Max != Infinity && used >= cpuLimit(l.Max):
		k.SignalProcess(p, signal.Kernel(int32(unix.SIGKILL)))
		return 0
	case used >= cpuLimit(l.Cur):
		s.SendTimerSignal(clock.TimerSignal{Process: pid, Signal: int32(unix.SIGXCPU)})
		l.Cur++
	}
	return cpuLimit(min(l.Cur, l.Max))
}

// cpuLimit is a value of RLIMIT_CPU in ns; 0: none.
func cpuLimit(seconds uint64) int64 {
	const second = 1_000_000_000
	if seconds >= clock.MaxTime/second {
		return 0
	}
	return max(1, int64(seconds)*second)
}

// LimitCPU begins to watch RLIMIT_CPU of a process.
func (k *Core) LimitCPU(p *Process) {
	l := &p.Limits[rlimitCPU]
	k.Clock.SetLimit(p.Pid, cpuLimit(min(l.Cur, l.Max)))
}

// ClockWasSet implements clock.Sink.
func (s *timers) ClockWasSet() {
	if s.ClockSet != nil {
		s.ClockSet()
	}
}
