package task

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/bpf"
	"starling/personality/mm"
	"starling/personality/perf"
	"starling/personality/signal"
	"starling/personality/state"
	"starling/personality/uprobe"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/content"
)

// Probing is the parts of the core about probes.
type Probing struct {
	Probes *uprobe.Table
	BPF    *bpf.Objects
	Perf   *perf.Events
}

func (k *Core) addProbing(store content.Store) {
	k.Probes = &uprobe.Table{Spaces: k.spaces}
	k.MM.Mapped = k.Probes.Mapped
	k.BPF = bpf.New(k.VFS, store)
	k.Perf = perf.New(k.VFS, store, k.Probes, k.BPF, probing{k})
}

// spaces is every address space in use, in the order of the births of their processes.
func (k *Core) spaces() (list []*mm.Space) {
	for _, p := range k.processes {
		for _, t := range p.threads {
			if t.MM != nil && !slices.Contains(list, t.MM) {
				list = append(list, t.MM)
			}
		}
	}
	return list
}

// target is the thread as uprobes see it.
func (t *Thread) target() *uprobe.Target {
	x := &t.call.K.probeTarget
	x.Space, x.Frame, x.State, x.Thread = t.MM, t.frame, &t.probe, t
	return x
}

// probeHit is a breakpoint. It reports whether it was a uprobe's and is dealt with.
func (k *Core) probeHit(t *Thread) bool {
	return k.probeOutcome(t, k.Probes.Breakpoint(t.target()))
}

// probeOutcome does with a thread what uprobes have decided; false: the exception is not theirs.
func (k *Core) probeOutcome(t *Thread, o uprobe.Outcome) bool {
	if o == uprobe.NotOurs {
		return false
	}
	t.changed |= ipc.MaskGeneral | ipc.MaskControl
	t.attention &^= AttendProbe
	if o == uprobe.Stepping {
		t.attention |= AttendProbe
	}
	if t.attention&^AttendProbe == 0 && o <= uprobe.Stepping {
		k.resume(t) // what leave does when there is nothing to look at
		return true
	}
	switch o {
	case uprobe.DoneStep:
		s := isa.StepReport()
		k.Force(t, signal.Fault(s.Number, s.Code, isa.IP(t.frame)))
	case uprobe.Illegal:
		k.Force(t, signal.Kernel(int32(unix.SIGILL)))
	case uprobe.Broken:
		k.Force(t, signal.Kernel(int32(unix.SIGSEGV)))
	}
	k.run(t)
	return true
}

// probeFaulted is a fault or an exception of a stepped copy: the thread is at the original again.
func (k *Core) probeFaulted(t *Thread) {
	k.Probes.Faulted(t.target())
	t.Change(ipc.MaskGeneral | ipc.MaskControl)
	t.attention &^= AttendProbe
}

// probeCalled is a system call that was stepped.
func (k *Core) probeCalled(t *Thread) {
	k.Probes.Called(t.target())
	t.Change(ipc.MaskGeneral | ipc.MaskControl)
	t.attention &^= AttendProbe
}

// probeEnded is the end of a thread.
func (k *Core) probeEnded(t *Thread) {
	k.Probes.Release(t.target()) // others may go on in its space
	t.probe.Executed()
	k.Perf.Ended(t.Tid)
}

// probeForked gives a new thread what probes have of the one that made it (uprobe_copy_process).
func (k *Core) probeForked(u, t *Thread, q *CloneArgs) {
	if q.Flags&unix.CLONE_VM == 0 || q.Flags&unix.CLONE_VFORK != 0 {
		k.Probes.Forked(&u.probe, u.MM, &t.probe, t.MM)
	}
	k.Perf.Cloned(t.Tid, u.Tid)
}

// probing is the core as events see it.
type probing struct{ k *Core }

// SpaceOf implements perf.Threads.
func (p probing) SpaceOf(tid int32) *mm.Space {
	if t := p.k.Thread(tid); t != nil {
		return t.MM
	}
	return nil
}

// About implements perf.Threads.
func (p probing) About(thread any) (int32, bpf.Environment) {
	t := thread.(*Thread)
	return t.Tid, (*probed)(t)
}

// Now implements perf.Threads.
func (p probing) Now() int64 { return p.k.Now() }

// probed is a thread as the programs at its probes see it.
type probed Thread

// Now implements bpf.Environment.
func (t *probed) Now() int64 { return t.call.K.Now() }

// PIDTGID implements bpf.Environment.
func (t *probed) PIDTGID() uint64 { return uint64(t.Proc.Pid)<<32 | uint64(t.Tid) }

// UIDGID implements bpf.Environment.
func (t *probed) UIDGID() uint64 {
	return uint64(t.Thread().Cred.GID)<<32 | uint64(t.Thread().Cred.UID)
}

// Thread is the thread.
func (t *probed) Thread() *Thread { return (*Thread)(t) }

// Comm implements bpf.Environment.
func (t *probed) Comm() string { return t.ThreadT.Comm }

// Memory implements bpf.Environment.
func (t *probed) Memory() usermem.Memory { return t.MM }

// Random implements bpf.Environment.
func (t *probed) Random() uint32 { return uint32(t.call.K.random(1 << 32)) }

// ExportProbes gives the state of probes, events and all that bpf(2) has made.
func (k *Core) ExportProbes() *state.ProbesT {
	t := &state.ProbesT{}
	k.BPF.Export(t)
	k.Perf.Export(t)
	for _, p := range k.processes {
		for _, u := range p.threads {
			if x := u.probe.Export(u.Tid); x != nil {
				t.Threads = append(t.Threads, x)
			}
		}
	}
	return t
}

// ImportProbes makes what files of an imported state refer to. It comes before the files.
func (k *Core) ImportProbes(t *state.ProbesT) unix.Errno {
	if e := k.BPF.Import(t); e != 0 {
		return e
	}
	return k.Perf.Import(t)
}

// RelinkProbes comes after files and threads.
func (k *Core) RelinkProbes(t *state.ProbesT, r *vfs.Restorer) unix.Errno {
	if e := k.Perf.Relink(r); e != 0 {
		return e
	}
	for _, x := range t.Threads {
		u := k.Thread(x.Tid)
		if u == nil || u.MM == nil || !u.probe.Import(x) || u.probe.Active() != (u.attention&AttendProbe != 0) {
			return unix.EINVAL
		}
	}
	return 0
}
