package task

import (
	"debug/elf"
	"slices"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/corefile"
	"starling/personality/signal"
)

// What a core file says besides memory: registers and signals of every thread, the process,
// its auxiliary vector and files.

// dumpHead is the beginning of the file; t is the thread that the signal hit, which comes
// first.
func (k *Core) dumpHead(t *Thread) []byte {
	s, p := t.MM, t.Proc
	var segments []corefile.Segment
	var files []corefile.File
	for r := range s.Regions() {
		segments = append(segments, corefile.Segment{Start: r.Start, End: r.End, Size: s.DumpSize(r),
			Read: r.Access&ipc.Read != 0, Write: r.Access&ipc.Write != 0, Execute: r.Access&ipc.Execute != 0})
		if r.File != nil {
			files = append(files, corefile.File{Start: r.Start, End: r.End, Offset: r.Offset, Name: k.VFS.AbsoluteName(r.File.Path)})
		}
	}
	sets := isa.Regsets()
	n := k.statusNote(nil, t, p.DumpSignal.Signo)
	n = k.infoNote(n, t)
	info := signal.ImportInfo(p.DumpSignal)
	var b [signal.InfoSize]byte
	info.Put(&b)
	n = corefile.Signal(n, b[:])
	n = corefile.Auxiliary(n, s.Auxv)
	n = corefile.Files(n, isa.PageSize, files)
	n = k.registerNotes(n, t, sets[1:])
	for _, u := range slices.Backward(p.threads) { // as Linux: who came last to the dump first
		if u != t {
			n = k.statusNote(n, u, p.DumpSignal.Signo)
			n = k.registerNotes(n, u, sets[1:])
		}
	}
	return corefile.Head(elf.Machine(isa.ELFMachine), isa.PageSize, n, segments)
}

func (k *Core) statusNote(b []byte, t *Thread, signo int32) []byte {
	p := t.Proc
	var regs [isa.MaximumRegset]byte
	size := k.GetRegset(t, &isa.Regsets()[0], regs[:])
	st := corefile.Status{Signal: signo, Pending: uint64(t.Signals.Pending), Blocked: t.Mask,
		Thread: t.Tid, Group: p.Group, Session: p.Session, Registers: regs[:size], FP: true,
		Times: corefile.Times{User: t.UserTime, System: t.SystemTime, ChildUser: p.ChildrenUserTime, ChildSystem: p.ChildrenSystemTime}}
	if p.parent != nil {
		st.Parent = p.parent.Pid
	}
	if t.Leader() {
		st.Times.User, st.Times.System = k.ProcessTimes(p)
	}
	return st.Note(b)
}

// dumpFlags are PF_SIGNALED and PF_DUMPCORE of include/linux/sched.h.
const dumpFlags = 0x400 | 0x200

func (k *Core) infoNote(b []byte, t *Thread) []byte {
	p := t.Proc
	i := corefile.Info{Nice: int8(t.Nice), Flags: dumpFlags, UID: t.Cred.UID, GID: t.Cred.GID,
		Process: p.Pid, Group: p.Group, Session: p.Session, Name: t.Comm, Arguments: arguments(t.MM, corefile.ArgumentsSize)}
	if p.parent != nil {
		i.Parent = p.parent.Pid
	}
	return i.Note(b)
}

func (k *Core) registerNotes(b []byte, t *Thread, sets []isa.Regset) []byte {
	for i := range sets {
		var regs [isa.MaximumRegset]byte
		b = corefile.Registers(b, sets[i].Type, regs[:k.GetRegset(t, &sets[i], regs[:])])
	}
	return b
}
