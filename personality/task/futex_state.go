package task

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// futexPlaces is what a thread waits for, for the state.
func (t *Thread) futexPlaces() (list []*state.FutexPlaceT) {
	if t.futex.queued() {
		list = append(list, t.futex.export())
	}
	for i := range t.futexList {
		if w := &t.futexList[i]; w.queued() {
			list = append(list, w.export())
		}
	}
	return list
}

func (w *futexWait) export() *state.FutexPlaceT {
	p := &state.FutexPlaceT{
		Key0: w.queue.key.a, Key1: w.queue.key.b, Target0: w.target.a, Target1: w.target.b,
		Order: w.order, Bits: w.bits, Index: w.index, Kind: byte(w.kind), Rank: w.rank,
	}
	if w.kind == futexLock {
		p.Owner = w.queue.owner.Tid
	}
	return p
}

// futexImport is a place that is not in its queue yet.
type futexImport struct {
	wait  *futexWait
	key   futexKey
	owner int32
}

// futexPlace makes a place of the state again; of is how many the thread has.
func (im *importer) futexPlace(t *Thread, p *state.FutexPlaceT, of int) {
	w := &t.futex
	if p.Index != 0 {
		if t.futexList == nil {
			t.futexList = make([]futexWait, 0, of) // the queues point into it
		}
		t.futexList = t.futexList[:len(t.futexList)+1]
		w = &t.futexList[len(t.futexList)-1]
	}
	*w = futexWait{
		thread: t, target: futexKey{p.Target0, p.Target1}, order: p.Order, bits: p.Bits,
		index: p.Index, kind: futexKind(p.Kind), rank: p.Rank,
	}
	im.futexes = append(im.futexes, futexImport{w, futexKey{p.Key0, p.Key1}, p.Owner})
}

// joinFutexes puts the places into their queues, in the order in which they came.
func (im *importer) joinFutexes() unix.Errno {
	slices.SortFunc(im.futexes, func(a, b futexImport) int { return cmp.Compare(a.wait.order, b.wait.order) })
	for _, p := range im.futexes {
		if p.wait.queued() || p.wait.kind > futexProxy {
			return unix.EINVAL
		}
		im.k.futexJoin(p.wait, p.key)
		if p.wait.kind == futexLock {
			if p.wait.queue.owner = im.threads[p.owner]; p.wait.queue.owner == nil {
				return unix.EINVAL
			}
		}
	}
	return 0
}
