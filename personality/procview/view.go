// Package procview shows the core's tasks, memory and figures to /proc: it is
// procfs.Source for package task. It keeps nothing but what never changes.
package procview

import (
	"iter"
	"slices"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/mm"
	"starling/personality/syscalls"
	"starling/personality/sysv"
	"starling/personality/task"
	"starling/personality/tty"
	"starling/personality/vfs"
	"starling/personality/vfs/mqueue"
	"starling/personality/vfs/procfs"
)

// View is the core as /proc sees it.
type View struct {
	K         *task.Core
	Terminals *tty.Manager
	// CommandLine and Processor are the texts of /proc/cmdline and /proc/cpuinfo.
	CommandLine, Processor string
}

var _ procfs.Source = (*View)(nil)

// New makes a view and lets the clock see the load.
func New(k *task.Core, terminals *tty.Manager, commandLine, processor string) *View {
	k.Clock.Runnable = func() int {
		running, _ := k.RunnableThreads()
		return running
	}
	return &View{K: k, Terminals: terminals, CommandLine: commandLine, Processor: processor}
}

// SystemV implements procfs.Source.
func (v *View) SystemV() *sysv.System { return v.K.SystemV }

// Queues implements procfs.Source.
func (v *View) Queues() *mqueue.Type { return v.K.MQueues }

// Processes implements procfs.Source.
func (v *View) Processes() []int32 {
	var pids []int32
	for _, p := range v.K.Processes() {
		pids = append(pids, p.Pid)
	}
	slices.Sort(pids)
	return pids
}

// Threads implements procfs.Source. A process whose threads are all dead still shows
// its first.
func (v *View) Threads(pid int32) []int32 {
	p := v.K.Process(pid)
	if p == nil {
		return nil
	}
	tids := []int32{pid}
	for _, t := range p.Threads() {
		if t.Tid != pid {
			tids = append(tids, t.Tid)
		}
	}
	slices.Sort(tids)
	return tids
}

// find is the thread a number stands for and its process. The thread is nil when it is the
// dead leader of a process that still exists.
func (v *View) find(tid int32) (*task.Thread, *task.Process) {
	if t := v.K.Thread(tid); t != nil {
		return t, t.Proc
	}
	if p := v.K.Process(tid); p != nil {
		return p.Leader(), p
	}
	return nil, nil
}

// Thread implements procfs.Source.
func (v *View) Thread(tid int32) (*procfs.Task, bool) {
	t, p := v.find(tid)
	if p == nil {
		return nil, false
	}
	x := v.task(t, p, tid)
	if t != nil {
		x.User, x.System = t.UserTime, t.SystemTime
		x.MinorFaults, x.Voluntary, x.Involuntary = t.MinorFaults, t.Voluntary, t.Involuntary
	}
	return x, true
}

// Process implements procfs.Source.
func (v *View) Process(tid int32) (*procfs.Task, bool) {
	t, p := v.find(tid)
	if p == nil {
		return nil, false
	}
	x := v.task(t, p, tid)
	x.User, x.System = v.K.ProcessTimes(p)
	x.MinorFaults, x.Voluntary, x.Involuntary = p.MinorFaults, p.Voluntary, p.Involuntary
	for _, o := range p.Threads() {
		x.MinorFaults += o.MinorFaults
		x.Voluntary += o.Voluntary
		x.Involuntary += o.Involuntary
	}
	return x, true
}

// Flags of a task that programs may see (PF_* of include/linux/sched.h).
const (
	flagExiting  = 0x4
	flagForked   = 0x40 // has not executed a program since fork
	flagNormal   = 0x400000
	normalOffset = 20 // priority of a thread with nice value 0
)

// task is what a thread and its process have in common. t is nil for a dead leader.
func (v *View) task(t *task.Thread, p *task.Process, tid int32) *procfs.Task {
	x := &procfs.Task{
		TID: tid, PID: p.Pid, Group: p.Group, Session: p.Session, Foreground: -1,
		State: 'Z', Flags: flagNormal, Threads: len(p.Threads()), Start: p.Start,
		ChildUser: p.ChildrenUserTime, ChildSystem: p.ChildrenSystemTime, ChildMinorFaults: p.ChildrenMinorFaults,
		ExitSignal: p.ExitSignal, ExitCode: p.ExitCode, OOMAdjust: p.OomAdjust, Dumpable: true,
		Personality: p.Persona, Call: -1, ProcessPending: uint64(p.Signals.Pending), Affinity: 1,
		Priority: normalOffset,
	}
	if parent := p.Parent(); parent != nil {
		x.Parent = parent.Pid
	}
	for _, l := range p.Limits {
		x.Limits = append(x.Limits, l)
	}
	if term := v.Terminals.Terminal(p.Terminal); term != nil {
		x.Terminal, x.Foreground = term.Number(), v.Terminals.Foreground(p.Terminal)
	}
	if !p.Executed {
		x.Flags |= flagForked
	}
	if p.Exiting {
		x.Flags |= flagExiting
	}
	if t == nil {
		return x
	}
	v.fill(x, t)
	return x
}

// fill adds what belongs to a thread.
func (v *View) fill(x *procfs.Task, t *task.Thread) {
	x.Comm, x.Cred, x.FS, x.Files = t.Comm, t.Cred, t.FS, t.Files
	x.Start = t.Start
	x.Nice = t.Nice
	x.Priority = normalOffset + t.Nice
	x.Policy, x.RealtimePriority = uint32(t.Policy&^task.ResetOnFork), uint32(t.Priority)
	if t.Realtime() {
		x.Priority = -1 - t.Priority
	}
	x.Pending, x.Blocked = uint64(t.Signals.Pending), uint64(t.Blocked())
	x.NoNewPrivileges, x.Affinity = t.NoNewPrivs, t.Affinity
	if t.Handlers != nil {
		ignored, caught := t.Handlers.Sets()
		x.Ignored, x.Caught = uint64(ignored), uint64(caught)
	}
	if t.Cred != nil {
		x.Queued = v.K.PendingOf(t.Cred.UID)
	}
	if l := x.Limits; len(l) > rlimitSigPending {
		x.QueueLimit = l[rlimitSigPending].Cur
	}
	x.State = stateOf(t)
	switch t.Run {
	case task.Waiting:
		x.Waiting, x.Call = true, t.Number
	case task.Calling: // it reads about itself
		x.Call = t.Number
	case task.Stopped:
		x.Waiting = true
	}
	if f := t.Frame(); f != nil && t.Run != task.Running && t.MM != nil {
		x.SP, x.IP = isa.SP(f), isa.IP(f)
		isa.Arguments(f, &x.Arguments)
	}
	if t.MM != nil {
		x.Memory = memory(t.MM)
		x.Dumpable = t.MM.Dumpable == 1
	}
	if by := t.Tracer(); by != nil {
		x.Tracer = by.Tid
	}
	g := t.Guard()
	x.Seccomp, x.SeccompFilters = int(g.Mode), g.Filter.Count()
}

// rlimitSigPending is RLIMIT_SIGPENDING, which x/sys/unix has no name for.
const rlimitSigPending = 11

func stateOf(t *task.Thread) byte {
	switch t.Run {
	case task.Waiting:
		if t.VforkChild != 0 || t.Unbreakable() {
			return 'D'
		}
		return 'S'
	case task.Stopped:
		if t.StoppedFor() != task.StopGroup {
			return 't'
		}
		return 'T'
	case task.Dumping:
		return 'D'
	case task.Exiting, task.Dead:
		return 'Z'
	}
	return 'R'
}

// memory describes an address space.
func memory(s *mm.Space) *procfs.Memory {
	m := &procfs.Memory{
		ID: s.ID, Resident: s.Resident(), PeakResident: s.PeakResident(),
		CodeStart: s.CodeStart, CodeEnd: s.CodeEnd, DataStart: s.DataStart, DataEnd: s.DataEnd,
		Break: s.BreakStart, StackStart: s.StackStart, ArgStart: s.ArgStart, ArgEnd: s.ArgEnd,
		EnvStart: s.EnvStart, EnvEnd: s.EnvEnd, Auxv: s.Auxv, Exe: s.Exe,
		DumpFilter: s.DumpFilter,
		User:       s, Forced: mm.Forced{S: s},
	}
	m.Size, m.Locked, m.Peak = s.Pages()
	m.Text = (s.CodeEnd - s.CodeStart + isa.PageSize - 1) / isa.PageSize
	for r := range s.Regions() {
		n := r.Len() / isa.PageSize
		switch {
		case r.Flags&(mm.Stack|mm.GrowsDown) != 0:
			m.Stack += n
		case r.Access&ipc.Write != 0 && r.Flags&mm.Shared == 0:
			m.Data += n
		}
	}
	m.Regions = func(usage bool) iter.Seq[procfs.Region] { return regions(s, usage) }
	return m
}

// regions is the lines of maps, in order of addresses, made one after the other: there may be many.
func regions(s *mm.Space, usage bool) iter.Seq[procfs.Region] {
	return func(yield func(procfs.Region) bool) {
		for r := range s.Regions() {
			if !yield(region(s, r, usage)) {
				return
			}
		}
	}
}

func region(s *mm.Space, r *mm.Region, usage bool) procfs.Region {
	g := procfs.Region{
		Start: r.Start, End: r.End, Shared: r.Flags&mm.Shared != 0, Offset: r.Offset, File: r.File,
		Read: r.Access&ipc.Read != 0, Write: r.Access&ipc.Write != 0, Execute: r.Access&ipc.Execute != 0,
	}
	switch {
	case r.File != nil:
	case r.Flags&mm.Uprobes != 0:
		g.Name, g.Shared = "[uprobes]", false
	case r.Flags&mm.VDSO != 0:
		g.Name, g.Offset = "[vdso]", 0
	case r.Flags&mm.VVar != 0:
		g.Name, g.Offset = "[vvar]", 0
	case r.Flags&mm.Stack != 0:
		g.Name = "[stack]"
	case r.Flags&mm.AnonymousShared != 0:
		g.Name = "/dev/zero (deleted)"
	case r.Start < s.BreakEnd && r.End > s.BreakStart:
		g.Name = "[heap]"
	}
	if r.File == nil && r.Anonymous() {
		g.Offset = 0
	}
	if usage {
		g.Own, g.Others = s.Usage(r)
		g.Locked, g.Flags = r.Flags&mm.Locked != 0, flagNames(r)
	}
	return g
}

// System implements procfs.Source.
func (v *View) System() procfs.System {
	k := v.K
	s := procfs.System{
		Uptime: k.Now(), Boot: k.WallNow() - k.Now(), Forks: k.Forks(), LastPID: k.LastPID(),
		Load:     [3]uint64{k.Clock.Load1, k.Clock.Load5, k.Clock.Load15},
		Hostname: k.Hostname, Domainname: k.Domainname,
		CorePattern: k.CorePattern.Pattern, CoreUsesPID: k.CorePattern.UsesPID, CommandLine: v.CommandLine, Processor: v.Processor,
		Release: syscalls.Release, Version: syscalls.Version,
		PIDMax: task.PIDMax, ThreadsMax: int32(k.FrameSlots), Terminals: v.Terminals.Pairs(),
		Switches: k.Switches(),
	}
	s.Running, s.Threads = k.RunnableThreads()
	for _, p := range k.Processes() {
		user, system := k.ProcessTimes(p)
		s.User += user + p.ChildrenUserTime
		s.Sys += system + p.ChildrenSystemTime
	}
	h := k.Pager.Stats()
	s.Total, s.Free, s.Reserved = h.FramesTotal, h.FramesFree, h.Reserve
	s.PageTables, s.Faults = h.TablesTotal-h.TablesFree, h.Faults
	s.Kept = h.TablesFree + k.Transport.KernelFree()
	seen := map[uint64]bool{}
	for _, p := range k.Processes() {
		if t := p.Any(); t != nil && t.MM != nil && !seen[t.MM.ID] {
			seen[t.MM.ID] = true
			if r := k.Pager.SpaceRecord(t.MM.Pager); r != nil {
				s.Anonymous += r.Owned
			}
		}
	}
	used := h.FramesUsed
	s.Anonymous = min(s.Anonymous, used)
	s.Shmem = used - s.Anonymous
	k.VFS.Files(func(*vfs.File) { s.OpenFiles++ })
	return s
}

// SetComm implements procfs.Source.
func (v *View) SetComm(tid int32, name string) {
	if t := v.K.Thread(tid); t != nil {
		t.Comm = name
	}
}

// SetOOMAdjust implements procfs.Source.
func (v *View) SetOOMAdjust(pid int32, value int32) {
	if p := v.K.Process(pid); p != nil {
		p.OomAdjust = value
	}
}

// SetName implements procfs.Source.
func (v *View) SetName(domain bool, name string) {
	if domain {
		v.K.Domainname = name
	} else {
		v.K.Hostname = name
	}
}

// SetCorePattern implements procfs.Source.
func (v *View) SetCorePattern(pattern string) bool { return v.K.SetCorePattern(pattern) }

// SetCoreUsesPID implements procfs.Source.
func (v *View) SetCoreUsesPID(on int32) { v.K.CorePattern.UsesPID = on }

// SetDumpFilter implements procfs.Source.
func (v *View) SetDumpFilter(pid int32, filter uint32) {
	if t := v.K.Thread(pid); t != nil && t.MM != nil {
		t.MM.DumpFilter = filter & mm.DumpKnown
	}
}

// Random implements procfs.Source.
func (v *View) Random(p []byte) { v.K.Rand(p) }

// Fill implements devfs.Random.
func (v *View) Fill(p []byte) { v.K.Rand(p) }
