package task

import (
	"cmp"
	"encoding/binary"
	"slices"

	"starling/personality/cred"
	"starling/personality/mm"
	"starling/personality/signal"
	"starling/personality/state"
)

// Export gives the state of all processes and threads, and of their memory. At rest
// nothing else is worth keeping: the lists of woken threads are empty.
func (k *Core) Export() (*state.TasksT, *state.MemoryT) {
	t := &state.TasksT{
		NextPid: k.lastPID, NextId: k.nextID, Now: k.Now(), Forks: k.forks, NextOrder: k.order,
		Hostname: k.Hostname, Domainname: k.Domainname, Exited: k.exited, ExitStatus: k.exitStatus,
		CorePattern: k.CorePattern.Pattern, CoreUsesPid: k.CorePattern.UsesPID,
		FreeSlots: slices.Clone(k.freeSlots), Switches: k.switches,
		MemoryKills: slices.Clone(k.memoryKills), Usual: k.usual,
	}
	if len(t.FreeSlots) == 0 {
		t.FreeSlots = nil
	}
	t.Random0, t.Random1 = k.randomState()
	if k.Init != nil {
		t.InitPid = k.Init.Pid
	}
	if k.Program != nil {
		t.ProgramPid = k.Program.Pid
	}
	k.exportVersion(t)
	for n, count := range k.Missing {
		t.Missing = append(t.Missing, &state.MissingCallT{Number: n, Count: count})
	}
	slices.SortFunc(t.Missing, func(a, b *state.MissingCallT) int { return cmp.Compare(a.Number, b.Number) })
	for _, q := range k.pending {
		if q.count > 0 {
			t.Queued = append(t.Queued, &state.UserQueueT{Uid: q.uid, Count: q.count})
		}
	}
	slices.SortFunc(t.Queued, func(a, b *state.UserQueueT) int { return cmp.Compare(a.Uid, b.Uid) })

	x := exporter{k: k, t: t, m: &state.MemoryT{Vdso: k.MM.VDSOObject()}, ranks: k.waitRanks(),
		creds: map[*cred.Cred]bool{}, handlers: map[*signal.Handlers]bool{}, spaces: map[*mm.Space]bool{}}
	for _, p := range k.processes {
		x.process(p)
	}
	for _, u := range k.lingering() {
		x.thread(u)
	}
	slices.SortFunc(t.Processes, func(a, b *state.ProcessT) int { return cmp.Compare(a.Pid, b.Pid) })
	slices.SortFunc(t.Threads, func(a, b *state.ThreadT) int { return cmp.Compare(a.Tid, b.Tid) })
	slices.SortFunc(t.Creds, func(a, b *state.CredT) int { return cmp.Compare(a.Id, b.Id) })
	slices.SortFunc(t.Handlers, func(a, b *state.HandlersT) int { return cmp.Compare(a.Id, b.Id) })
	slices.SortFunc(x.m.Spaces, func(a, b *state.SpaceT) int { return cmp.Compare(a.Id, b.Id) })
	return t, x.m
}

type exporter struct {
	k        *Core
	t        *state.TasksT
	m        *state.MemoryT
	ranks    map[uint64]uint64
	creds    map[*cred.Cred]bool
	handlers map[*signal.Handlers]bool
	spaces   map[*mm.Space]bool
}

// waitRanks numbers all waits from 1 in the order they were recorded.
func (k *Core) waitRanks() map[uint64]uint64 {
	var orders []uint64
	for _, t := range k.slots {
		if t != nil {
			for _, w := range t.waits {
				orders = append(orders, w.order)
			}
		}
	}
	slices.Sort(orders)
	ranks := make(map[uint64]uint64, len(orders))
	for i, o := range orders {
		ranks[o] = uint64(i) + 1
	}
	return ranks
}

func (x *exporter) process(p *Process) {
	s := p.ProcessT
	s.Pending = p.Signals.Export()
	s.Limits = nil
	for i := range p.Limits {
		s.Limits = append(s.Limits, &state.LimitT{Current: p.Limits[i].Cur, Maximum: p.Limits[i].Max})
	}
	s.Threads, s.Children = nil, nil
	for _, t := range p.threads {
		s.Threads = append(s.Threads, t.Tid)
		x.thread(t)
	}
	for _, c := range p.children {
		s.Children = append(s.Children, c.Pid)
	}
	if p.leader != nil && p.leader.Run == Dead {
		x.thread(p.leader)
	}
	x.t.Processes = append(x.t.Processes, &s)
}

func (x *exporter) thread(t *Thread) {
	s := t.ThreadT
	s.Run = byte(t.Run)
	s.TokenThread, s.TokenGeneration, s.TokenSequence = t.token.Thread, t.token.Generation, t.token.Sequence
	s.ReplyMask = uint32(t.changed)
	s.LastEvent = t.lastEvent
	s.Leaving = uint32(t.attention)
	s.Pending = t.Signals.Export()
	call := t.state
	s.Call = &call
	s.Waits = nil
	for _, w := range t.waits {
		s.Waits = append(s.Waits, &state.WaitingT{Id: uint64(w.id), Rank: x.ranks[w.order], Events: uint32(w.events)})
	}
	s.Futexes = t.futexPlaces()
	s.Stop = nil
	if t.stop.Reason != NotStopped {
		s.Stop = &state.StopT{Reason: byte(t.stop.Reason), Then: byte(t.stop.Then), Code: t.stop.Code,
			Message: t.stop.Message, Info: t.stop.Info.Export(), Reported: t.stop.Reported, Event: t.stop.Event}
	}
	s.Cred = t.Cred.ID
	if !x.creds[t.Cred] {
		x.creds[t.Cred] = true
		x.t.Creds = append(x.t.Creds, t.Cred.Export())
	}
	s.Files, s.Fs, s.Space, s.Handlers = 0, 0, 0, 0
	if t.Files != nil {
		s.Files = t.Files.ID
	}
	if t.FS != nil {
		s.Fs = t.FS.ID
	}
	if t.MM != nil {
		s.Space = t.MM.ID
		if !x.spaces[t.MM] {
			x.spaces[t.MM] = true
			x.m.Spaces = append(x.m.Spaces, t.MM.Export())
		}
	}
	if t.Handlers != nil {
		s.Handlers = t.Handlers.ID
		if !x.handlers[t.Handlers] {
			x.handlers[t.Handlers] = true
			x.t.Handlers = append(x.t.Handlers, t.Handlers.Export())
		}
	}
	x.t.Threads = append(x.t.Threads, &s)
}

// randomState is the generator's state: two words behind a tag (math/rand/v2 PCG).
func (k *Core) randomState() (high, low uint64) {
	b, _ := k.rng.MarshalBinary()
	return binary.BigEndian.Uint64(b[4:]), binary.BigEndian.Uint64(b[12:])
}
