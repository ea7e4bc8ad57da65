package task

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/personality/cred"
	"starling/personality/mm"
	"starling/personality/signal"
	"starling/personality/state"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// ImportCounters sets what other parts draw from: time, ids, randomness. It comes first.
func (k *Core) ImportCounters(t *state.TasksT) {
	k.Clock.SetNow(t.Now)
	k.nextID, k.order, k.lastPID, k.forks = t.NextId, t.NextOrder, t.NextPid, t.Forks
	k.rng = rand.NewPCG(t.Random0, t.Random1)
}

// Import makes all processes and threads of their state. The files exist already; r
// finds them. EINVAL when the state contradicts itself.
func (k *Core) Import(t *state.TasksT, m *state.MemoryT, r *vfs.Restorer) unix.Errno {
	k.Hostname, k.Domainname = t.Hostname, t.Domainname
	k.CorePattern = CorePattern{t.CorePattern, t.CoreUsesPid}
	k.exited, k.exitStatus = t.Exited, t.ExitStatus
	k.switches = t.Switches
	k.memoryKills, k.usual = t.MemoryKills, t.Usual
	clear(k.Missing)
	for _, x := range t.Missing {
		k.Missing[x.Number] = x.Count
	}
	k.pending = nil
	for _, x := range t.Queued {
		k.pending = append(k.pending, userQueue{x.Uid, x.Count})
	}
	k.MM.RestoreVDSO(m.Vdso)

	im := importer{k: k, r: r, creds: map[uint64]*cred.Cred{}, handlers: make(map[uint64]*signal.Handlers, len(t.Handlers)),
		spaces: make(map[uint64]*mm.Space, len(m.Spaces)), threads: make(map[int32]*Thread, len(t.Threads))}
	for _, x := range t.Creds {
		im.creds[x.Id] = cred.Import(x)
	}
	for _, x := range t.Handlers {
		im.handlers[x.Id] = signal.Import(x)
	}
	for _, x := range m.Spaces {
		s, e := k.MM.Import(x, func(id uint64) *vfs.File {
			if f := r.File(id); f != nil {
				return f.Get()
			}
			return nil
		})
		if e != 0 {
			return e
		}
		im.spaces[x.Id] = s
	}
	for _, x := range t.Threads {
		if e := im.thread(x); e != 0 {
			return e
		}
	}
	if e := im.processes(t.Processes); e != 0 {
		return e
	}
	im.waits(t.Threads)
	if e := im.joinFutexes(); e != 0 {
		return e
	}
	if e := im.slots(t.FreeSlots); e != 0 {
		return e
	}
	k.Init, k.Program = k.Process(t.InitPid), k.Process(t.ProgramPid)
	im.importVersion(t)
	return 0
}

type importer struct {
	k        *Core
	r        *vfs.Restorer
	creds    map[uint64]*cred.Cred
	handlers map[uint64]*signal.Handlers
	spaces   map[uint64]*mm.Space
	threads  map[int32]*Thread
	futexes  []futexImport
}

func (im *importer) thread(x *state.ThreadT) unix.Errno {
	k := im.k
	if x.Slot >= uint32(len(k.slots)) || x.Run >= byte(runStates) || im.threads[x.Tid] != nil {
		return unix.EINVAL
	}
	t := &Thread{ThreadT: *x, Run: RunState(x.Run)}
	k.wire(t)
	t.token = ipc.Token{Thread: x.TokenThread, Generation: x.TokenGeneration, Sequence: x.TokenSequence}
	t.changed = ipc.Mask(x.ReplyMask)
	t.attention = Attention(x.Leaving)
	t.lastEvent = x.LastEvent
	t.Signals.Import(x.Pending)
	if x.Call != nil {
		t.state = *x.Call
	}
	if s := x.Stop; s != nil && s.Reason != byte(NotStopped) {
		t.stop = Stop{Reason: StopReason(s.Reason), Then: RunState(s.Then), Code: s.Code, Message: s.Message, Reported: s.Reported, Event: s.Event}
		if s.Info != nil {
			t.stop.Info = signal.ImportInfo(s.Info)
		}
	}
	t.Cred = im.creds[x.Cred]
	if t.Cred == nil {
		return unix.EINVAL
	}
	if t.Run != Dead {
		t.Files, t.FS = im.r.FDTable(x.Files), im.r.FSContext(x.Fs)
		if t.Handlers = im.handlers[x.Handlers]; t.Handlers == nil || t.Files == nil || t.FS == nil {
			return unix.EINVAL
		}
		t.Handlers.Refs++
		if k.slots[x.Slot] != nil {
			return unix.EINVAL
		}
		k.slots[x.Slot] = t
	}
	if x.Space != 0 {
		s := im.spaces[x.Space]
		if s == nil {
			return unix.EINVAL
		}
		t.MM = s.Get()
	}
	if x.Undo != 0 && !k.SystemV.HoldUndo(x.Undo) {
		return unix.EINVAL
	}
	if x.Tid == 0 || !namesSomething(x.Tid) {
		return unix.EINVAL
	}
	im.threads[x.Tid] = t
	k.entry(x.Tid).thread = t
	return 0
}

// namesSomething reports whether a number can be one of pid.go's, or 0 for none.
func namesSomething(id int32) bool { return uint32(id) < PIDMax }

func (im *importer) processes(list []*state.ProcessT) unix.Errno {
	k := im.k
	for _, x := range list {
		p := &Process{ProcessT: *x}
		p.Signals.Import(x.Pending)
		for i := range min(len(x.Limits), NumLimits) {
			p.Limits[i] = unix.Rlimit{Cur: x.Limits[i].Current, Max: x.Limits[i].Maximum}
		}
		for _, tid := range x.Threads {
			t := im.threads[tid]
			if t == nil || t.Proc != nil || t.Process != p.Pid {
				return unix.EINVAL
			}
			t.Proc = p
			p.threads = append(p.threads, t)
		}
		if t := im.threads[p.Pid]; t != nil {
			t.Proc, p.leader = p, t
		}
		if k.entry(p.Pid).process != nil || p.leader == nil {
			return unix.EINVAL
		}
		k.entry(p.Pid).process = p
		k.processes = append(k.processes, p)
	}
	slices.SortFunc(k.processes, func(a, b *Process) int { return cmp.Compare(a.BornOrder, b.BornOrder) })
	for _, p := range k.processes {
		if p.Young {
			k.young = append(k.young, p)
		}
		for _, pid := range p.ProcessT.Children {
			c := k.Process(pid)
			if c == nil || c.parent != nil {
				return unix.EINVAL
			}
			c.parent = p
			p.children = append(p.children, c)
		}
		if !namesSomething(p.Group) || !namesSomething(p.Session) {
			return unix.EINVAL
		}
		if p.Group != 0 {
			e := k.entry(p.Group)
			e.group = append(e.group, p)
		}
		if p.Session != 0 {
			e := k.entry(p.Session)
			e.session = append(e.session, p)
		}
	}
	for _, t := range im.threads {
		if t.Proc == nil && t.Run == Dead {
			t.Proc = k.Process(t.Process) // waits for its tracer
		}
		if t.Proc == nil {
			return unix.EINVAL
		}
	}
	return 0
}

// waits records the waits of blocked calls again, in the order of their ranks, and
// arms their deadlines.
func (im *importer) waits(list []*state.ThreadT) {
	type ranked struct {
		rank uint64
		t    *Thread
		w    *state.WaitingT
	}
	var all []ranked
	for _, x := range list {
		t := im.threads[x.Tid]
		for _, w := range x.Waits {
			all = append(all, ranked{w.Rank, t, w})
		}
		for _, p := range x.Futexes {
			im.futexPlace(t, p, len(x.Futexes))
		}
		if t.Deadline != 0 && (t.Run == Waiting || t.Run == Running) {
			im.k.Clock.SetWithin(&t.timer, t.Deadline, t.DeadlineSlack)
		}
	}
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	for _, x := range all {
		id, ev := wait.ID(x.w.Id), wait.Events(x.w.Events)
		x.t.waits = append(x.t.waits, waiting{id, ev, im.k.Waits.Add(id, x.t.WaitNumber(), ev)})
	}
}

// slots takes over the list of free frame slots, whose order decides which comes next.
func (im *importer) slots(free []uint32) unix.Errno {
	k := im.k
	seen := make([]bool, len(k.slots))
	for _, n := range free {
		if n == 0 || n >= uint32(len(k.slots)) || k.slots[n] != nil || seen[n] {
			return unix.EINVAL
		}
		seen[n] = true
	}
	k.freeSlots = slices.Clone(free)
	return 0
}
