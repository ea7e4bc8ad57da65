package sim

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"slices"

	"starling/ipc"
)

// Log is everything one server was told from a moment on: its events, what its
// kernel calls returned, and what others wrote to the memory it sees. With
// what the server did in between as digests, it can be replayed without the rest of
// the machine: see Replay.
type Log struct {
	start   []byte // physical memory at the beginning
	entries []entry
}

// Len is how many inputs the log has.
func (l *Log) Len() int { return len(l.entries) }

// Events is how many of them are events.
func (l *Log) Events() int {
	n := 0
	for i := range l.entries {
		if l.entries[i].call == "" {
			n++
		}
	}
	return n
}

// entry is one input: an event, or the result of a kernel call.
type entry struct {
	call    string // empty: an event
	args    uint64 // digest of the arguments of the call
	event   ipc.Event
	results []uint64
	err     error
	buffer  []byte // what the message buffer holds now, when it was changed
	patches []patch
	sync    bool      // the call may have written to memory
	wrote   []written // pages that the server wrote after this
	state   uint64    // digest of the server's state before this; events only
}

// written is a page and the digest of its new content.
type written struct {
	phys, sum uint64
}

// patch is a page that others changed.
type patch struct {
	phys uint64
	page []byte
}

// Recorder is a Transport that keeps a log. The server must have been given
// nothing but the recorder.
type Recorder struct {
	ipc.Transport
	tr     *Transport
	log    *Log
	shadow []byte
	others uint64
	state  func() []byte
}

// Record starts a log of the server at tr.
func Record(tr *Transport) *Recorder {
	k := tr.k
	k.tracking = true
	k.dirty = k.dirty[:0]
	return &Recorder{Transport: tr, tr: tr, others: k.others(tr), shadow: slices.Clone(k.arena),
		log: &Log{start: slices.Clone(k.arena)}}
}

// Recording is the log so far.
func (r *Recorder) Recording() *Log { return r.log }

// State says how to look at the server's state: its digest goes into the log at every event.
func (r *Recorder) State(f func() []byte) { r.state = f }

// Handler wraps the server's handler, so that its events are logged.
func (r *Recorder) Handler(h Handler) Handler {
	return HandlerFunc(func(ev *ipc.Event) {
		e := entry{event: *ev, patches: r.patches()}
		if r.state != nil {
			e.state = digest(r.state())
		}
		if ev.Kind == ipc.EventMessage {
			e.buffer = slices.Clone(r.tr.buffer[:])
		}
		r.log.entries = append(r.log.entries, e)
		h.Handle(ev)
		r.wrote()
	})
}

// others counts what other servers handled: after that, memory may have changed anywhere.
func (k *Kernel) others(tr *Transport) uint64 { return k.handled - tr.handled }

// touch notes that a program or the kernel wrote to a page.
func (k *Kernel) touch(phys uint64) {
	if k.tracking {
		k.dirty = append(k.dirty, phys&^(ipc.PageSize-1))
	}
}

// changed calls f for every page that may differ from the shadow.
func (r *Recorder) changed(all bool, f func(phys uint64)) {
	k := r.tr.k
	if !all {
		slices.Sort(k.dirty)
		for _, phys := range slices.Compact(k.dirty) {
			f(phys)
		}
		return
	}
	for phys := uint64(firstFree); phys < uint64(len(k.arena)); phys += ipc.PageSize {
		f(phys)
	}
}

// patches returns the pages that others changed since the server had control.
func (r *Recorder) patches() []patch {
	k := r.tr.k
	others := k.others(r.tr)
	var list []patch
	r.changed(others != r.others, func(phys uint64) {
		now, was := k.page(phys), r.shadow[phys:phys+ipc.PageSize]
		if !bytes.Equal(now, was) {
			copy(was, now)
			list = append(list, patch{phys, slices.Clone(now)})
		}
	})
	r.others = others
	k.dirty = k.dirty[:0]
	return list
}

// wrote puts down what the server itself wrote since it got control, at the entry
// by which it got control.
func (r *Recorder) wrote() {
	list := changes(r.tr.k, r.shadow)
	if n := len(r.log.entries); n > 0 {
		r.log.entries[n-1].wrote = append(r.log.entries[n-1].wrote, list...)
	}
}

// changes lists the pages in which memory differs from the shadow, and makes them equal.
func changes(k *Kernel, shadow []byte) (list []written) {
	for phys := uint64(firstFree); phys < uint64(len(shadow)); phys += ipc.PageSize {
		now, was := k.page(phys), shadow[phys:phys+ipc.PageSize]
		if !bytes.Equal(now, was) {
			copy(was, now)
			list = append(list, written{phys, digest(now)})
		}
	}
	return list
}

func digest(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// did logs a kernel call and its result.
func (r *Recorder) did(call string, args uint64, err error, results ...uint64) *entry {
	r.log.entries = append(r.log.entries, entry{call: call, args: args, err: err, results: results})
	return &r.log.entries[len(r.log.entries)-1]
}

// arguments digests the arguments of a call.
func arguments(v ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, v...)
	return h.Sum64()
}

// Replay is a Transport that gives a server the inputs of a log and checks that
// it does what it did then. It has a memory of its own.
type Replay struct {
	ipc.Transport // nil: every call of the interface is here
	log           *Log
	arena         *Kernel // only for its memory
	at            int
	buffer        [ipc.MessageSize]byte
	shadow        []byte
}

// NewReplay begins a replay.
func NewReplay(l *Log) *Replay {
	pages := (uint64(len(l.start)) - firstFree) / ipc.PageSize
	r := &Replay{log: l, arena: New(Config{MemoryPages: pages})}
	copy(r.arena.arena, l.start)
	r.shadow = slices.Clone(l.start)
	return r
}

// Kernel is a machine with nothing but the replay's memory: for Window.
func (r *Replay) Kernel() *Kernel { return r.arena }

// Diverged is what a replay panics with when the server does something else
// than it did when the log was written.
type Diverged struct {
	Entry int
	What  string
}

func (d Diverged) Error() string {
	return fmt.Sprintf("replay diverged at input %d: %s", d.Entry, d.What)
}

func (r *Replay) diverged(format string, args ...any) {
	panic(Diverged{r.at, fmt.Sprintf(format, args...)})
}

// Run starts a server, which may already call the transport, and hands it the
// events of the log. With it start returns what looks at the state of the
// server, as was given to Recorder.State, or nil.
func (r *Replay) Run(start func() (Handler, func() []byte)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			d, ok := p.(Diverged)
			if !ok {
				panic(p)
			}
			err = d
		}
	}()
	h, state := start()
	for r.at < len(r.log.entries) {
		e := &r.log.entries[r.at]
		if e.call != "" {
			r.diverged("the server did not call %s", e.call)
		}
		if state != nil && digest(state()) != e.state {
			r.diverged("the state is another one")
		}
		ev := e.event
		r.take(e)
		h.Handle(&ev)
		r.check()
	}
	return nil
}

// take applies an entry's effects on what the server sees.
func (r *Replay) take(e *entry) {
	for _, p := range e.patches {
		copy(r.arena.arena[p.phys:], p.page)
		copy(r.shadow[p.phys:], p.page)
	}
	if e.buffer != nil {
		copy(r.buffer[:], e.buffer)
	}
	r.at++
}

// check compares what the server wrote since its last input.
func (r *Replay) check() {
	if r.at == 0 {
		return
	}
	list := changes(r.arena, r.shadow)
	then := r.log.entries[r.at-1].wrote
	for i := range max(len(list), len(then)) {
		switch {
		case i >= len(list):
			r.diverged("the server did not write page %#x", then[i].phys)
		case i >= len(then), list[i].phys != then[i].phys:
			r.diverged("the server wrote page %#x", list[i].phys)
		case list[i].sum != then[i].sum:
			r.diverged("the server wrote something else to page %#x", list[i].phys)
		}
	}
}

// next is the result of a call that the server makes now.
func (r *Replay) next(call string, args uint64) *entry {
	if r.at == len(r.log.entries) {
		r.diverged("the server calls %s after the end", call)
	}
	e := &r.log.entries[r.at]
	if e.call != call {
		r.diverged("the server calls %s, it was %q", call, e.call)
	}
	if e.args != args {
		r.diverged("%s has other arguments", call)
	}
	r.take(e)
	return e
}
