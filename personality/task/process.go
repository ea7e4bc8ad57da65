package task

import (
	"golang.org/x/sys/unix"

	"starling/personality/mm"
	"starling/personality/signal"
	"starling/personality/state"
)

// Resource limits by number (getrlimit(2)).
const (
	rlimitCPU = iota
	rlimitFSize
	rlimitData
	rlimitStack
	rlimitCore
	rlimitRSS
	rlimitNProc
	rlimitNoFile
	rlimitMemLock
	rlimitAS
	rlimitLocks
	rlimitSigPending
	rlimitMsgQueue
	rlimitNice
	rlimitRTPrio
	rlimitRTTime
	// NumLimits is how many there are.
	NumLimits
)

// Infinity is RLIM_INFINITY.
const Infinity = ^uint64(0)

// Process is a thread group and what it shares.
type Process struct {
	state.ProcessT

	Signals signal.Queue // directed at the process
	Limits  [NumLimits]unix.Rlimit

	threads  []*Thread
	children []*Process
	parent   *Process
	// leader is the thread with the process's number; it may be dead.
	leader *Thread
	// deadThreads is how many threads but the first have ended and wait for their tracer.
	deadThreads int
}

// Parent is the process that is told of the end; nil for process 1.
func (p *Process) Parent() *Process { return p.parent }

// Leader is the thread with the number of the process, dead or alive.
func (p *Process) Leader() *Thread { return p.leader }

// Threads are the threads that are not dead, in the order of their making.
func (p *Process) Threads() []*Thread { return p.threads }

// Children are the children, oldest first.
func (p *Process) Children() []*Process { return p.children }

// Any is a thread of the process that is alive, the leader if it is; nil for a zombie.
func (p *Process) Any() *Thread {
	if len(p.threads) == 0 {
		return nil
	}
	if p.leader != nil && p.leader.Alive() {
		return p.leader
	}
	return p.threads[0]
}

// MemoryLimits are the limits mm wants to know.
func (t *Thread) MemoryLimits() mm.Limits {
	l := &t.Proc.Limits
	return mm.Limits{
		Address: l[rlimitAS].Cur, Data: l[rlimitData].Cur, Stack: l[rlimitStack].Cur, Lock: l[rlimitMemLock].Cur,
		LockAny: t.Cred.Has(unix.CAP_IPC_LOCK),
	}
}

// defaultLimits are those of process 1 on Linux.
func (k *Core) defaultLimits() (l [NumLimits]unix.Rlimit) {
	for i := range l {
		l[i] = unix.Rlimit{Cur: Infinity, Max: Infinity}
	}
	tasks := uint64(len(k.slots) - 1)
	l[rlimitStack].Cur = 8 << 20
	l[rlimitCore].Cur = 0
	l[rlimitNProc] = unix.Rlimit{Cur: tasks / 2, Max: tasks / 2}
	l[rlimitNoFile] = unix.Rlimit{Cur: 1024, Max: 4096}
	l[rlimitMemLock] = unix.Rlimit{Cur: 8 << 20, Max: 8 << 20}
	l[rlimitSigPending] = unix.Rlimit{Cur: tasks / 2, Max: tasks / 2}
	l[rlimitMsgQueue] = unix.Rlimit{Cur: 819200, Max: 819200}
	l[rlimitNice] = unix.Rlimit{}
	l[rlimitRTPrio] = unix.Rlimit{}
	return l
}
