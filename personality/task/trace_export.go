package task

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/seccomp"
	"starling/personality/state"
)

// ExportTracing gives the state of who traces whom and of all filters.
func (k *Core) ExportTracing() *state.TracingT {
	t := &state.TracingT{NextRank: k.traceRank}
	filters := map[uint64]*seccomp.Filter{}
	k.eachThread(func(u *Thread) {
		if u.trace != nil {
			x := u.trace.TraceeT
			x.Tid, x.Tracer = u.Tid, u.trace.tracer.Tid
			t.Tracees = append(t.Tracees, &x)
		}
		if u.guard.Mode == seccomp.Disabled || u.Run == Dead {
			return
		}
		g := &state.GuardT{Tid: u.Tid, Mode: u.guard.Mode, Asked: u.guard.asked, Question: u.guard.question}
		for f := u.guard.Filter; f != nil; f = f.Previous {
			filters[f.ID] = f
		}
		if u.guard.Filter != nil {
			g.Filter = u.guard.Filter.ID
		}
		t.Guards = append(t.Guards, g)
	})
	for _, f := range filters {
		t.Filters = append(t.Filters, f.Export())
	}
	t.Listeners = k.exportListeners()
	slices.SortFunc(t.Tracees, func(a, b *state.TraceeT) int { return cmp.Compare(a.Rank, b.Rank) })
	slices.SortFunc(t.Guards, func(a, b *state.GuardT) int { return cmp.Compare(a.Tid, b.Tid) })
	slices.SortFunc(t.Filters, func(a, b *state.FilterT) int { return cmp.Compare(a.Id, b.Id) })
	return t
}

// eachThread calls fn for every thread that something is kept of: the living, dead first
// threads, and dead ones that a tracer has not waited for.
func (k *Core) eachThread(fn func(*Thread)) {
	for _, p := range k.processes {
		for _, t := range p.threads {
			fn(t)
		}
		if p.leader != nil && p.leader.Run == Dead {
			fn(p.leader)
		}
	}
	for _, t := range k.lingering() {
		fn(t)
	}
}

// lingering is the dead threads, but the first of a process, that wait for their tracer.
func (k *Core) lingering() (list []*Thread) {
	for _, p := range k.processes {
		for _, by := range p.threads {
			for _, t := range by.tracees {
				if t.Run == Dead && t.Proc.leader != t {
					list = append(list, t)
				}
			}
		}
	}
	return list
}

// ImportTracing comes after Import. EINVAL when the state contradicts itself.
func (k *Core) ImportTracing(t *state.TracingT) unix.Errno {
	k.traceRank = t.NextRank
	filters := map[uint64]*seccomp.Filter{}
	for _, x := range t.Filters { // sorted by id, and a filter is newer than the one before it
		previous := filters[x.Previous]
		if x.Previous != 0 && previous == nil {
			return unix.EINVAL
		}
		f := seccomp.Import(x, previous)
		if f == nil {
			return unix.EINVAL
		}
		filters[x.Id] = f
	}
	for _, x := range t.Guards {
		u, f := k.Thread(x.Tid), filters[x.Filter]
		if u == nil || x.Mode > seccomp.Filtered || (x.Mode == seccomp.Filtered) != (f != nil) {
			return unix.EINVAL
		}
		u.guard = Guard{Mode: x.Mode, Filter: f, asked: x.Asked, question: x.Question}
	}
	if e := k.importListeners(t.Listeners); e != 0 {
		return e
	}
	for _, x := range t.Tracees {
		u, by := k.Thread(x.Tid), k.Thread(x.Tracer)
		if u == nil || by == nil || u.trace != nil || by.Run == Dead || by.Proc == u.Proc {
			return unix.EINVAL
		}
		u.trace = &Trace{TraceeT: *x, tracer: by}
		by.tracees = append(by.tracees, u)
		if u.Run == Dead && u.Proc.leader != u {
			u.Proc.deadThreads++
		}
	}
	return 0
}
