package perf

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/bpf"
	"starling/personality/mm"
	"starling/personality/state"
	"starling/personality/uprobe"
	"starling/personality/vfs"
	"starling/personality/vfs/content"
)

// Threads is what events want to know of threads.
type Threads interface {
	// SpaceOf is the address space of a thread, nil if there is no such thread.
	SpaceOf(tid int32) *mm.Space
	// About is a thread that hits a probe: its number, and what a program may learn of it.
	About(thread any) (tid int32, env bpf.Environment)
	// Now is ns since boot.
	Now() int64
}

// Events is all events and links.
type Events struct {
	v       *vfs.VFS
	probes  *uprobe.Table
	objects *bpf.Objects
	threads Threads
	all     []*Event // by id
	links   []*Link  // by number
	outputs []*Output
	store   content.Store

	nextLink uint32
	context  [isa.ProbeContextSize]byte
	occasion bpf.Occasion
}

// New makes the module and registers it.
func New(v *vfs.VFS, store content.Store, probes *uprobe.Table, objects *bpf.Objects, threads Threads) *Events {
	m := &Events{v: v, store: store, probes: probes, objects: objects, threads: threads}
	v.RegisterKind(vfs.KindPerfOutput, outputKind{m})
	v.RegisterKind(vfs.KindPerfEvent, eventKind{m})
	v.RegisterKind(vfs.KindBPFLink, linkKind{m})
	return m
}

// Event is one event.
type Event struct {
	state.ProbeEventT
	m       *Events
	file    *vfs.File // the probed file
	program *bpf.Program
}

// Request is a checked perf_event_open(2) of the uprobe unit.
type Request struct {
	// File is the probed file; the reference goes to the event, also when there can be none.
	File                                             *vfs.File
	Path                                             string
	Offset, Counter                                  uint64
	Code                                             []byte // the instruction, of uprobe.Check
	TID                                              int32  // 0: all threads
	AtReturn, Disabled, EnableOnExec, Inherit, Close bool
	ReadFormat                                       uint64
}

// maxEvents bounds how many events and places of links there are at once.
const maxEvents = 1024

// Open makes an event and its file.
func (m *Events) Open(q *Request) (*vfs.File, unix.Errno) {
	if m.probed() >= maxEvents {
		m.v.Put(q.File)
		return nil, unix.EMFILE
	}
	e := &Event{m: m, file: q.File, ProbeEventT: state.ProbeEventT{
		Id: m.v.NewID(), Path: q.Path, Offset: q.Offset, AtReturn: q.AtReturn, Counter: q.Counter, Tid: q.TID, Inherit: q.Inherit,
		Code: q.Code, Enabled: !q.Disabled, EnableOnExec: q.EnableOnExec, ReadFormat: q.ReadFormat, Since: m.threads.Now()}}
	f, errno := m.v.NewAnonFile("anon_inode:[perf_event]", vfs.KindPerfEvent, e.Id, eventFile{e: e}, unix.O_RDWR)
	if errno != 0 {
		m.v.Put(q.File)
		return nil, errno
	}
	m.all = append(m.all, e)
	if errno := m.probes.Register(e.spec(), e); errno != 0 {
		m.v.Put(f)
		return nil, errno
	}
	return f, 0
}

func (e *Event) spec() uprobe.Spec {
	return uprobe.Spec{Inode: e.file.Inode, Offset: e.Offset, Code: e.Code, Counter: e.Counter}
}

// close ends an event.
func (e *Event) close() {
	e.m.probes.Unregister(e.file.Inode, e.Offset, e)
	e.detach()
	e.m.all = slices.DeleteFunc(e.m.all, func(o *Event) bool { return o == e })
	e.m.v.Put(e.file)
}

// AtReturn implements uprobe.Consumer.
func (e *Event) AtReturn() bool { return e.ProbeEventT.AtReturn }

// Wants implements uprobe.Consumer: the spaces of the threads that are counted.
func (e *Event) Wants(s *mm.Space) bool {
	if e.Tid == 0 || e.m.threads.SpaceOf(e.Tid) == s {
		return true
	}
	for _, tid := range e.Family {
		if e.m.threads.SpaceOf(tid) == s {
			return true
		}
	}
	return false
}

// Hit implements uprobe.Consumer. A program decides by its result whether the hit counts (perf_trace_run_bpf of Linux).
func (e *Event) Hit(h *uprobe.Hit) {
	m := e.m
	tid, env := m.threads.About(h.Thread)
	if e.program != nil && m.run(e.program, env, h, e.Cookie) == 0 {
		return
	}
	if e.Enabled && (e.Tid == 0 || e.Tid == tid || slices.Contains(e.Family, tid)) {
		e.Count++
	}
}

// enable starts and stops counting, and the time of it.
func (e *Event) enable(on bool) {
	now := e.m.threads.Now()
	if e.Enabled && !on {
		e.Time += now - e.Since
	}
	if !e.Enabled && on {
		e.Since = now
	}
	e.Enabled = on
}

// elapsed is how long it has been counting, in ns.
func (e *Event) elapsed() int64 {
	if e.Enabled {
		return e.Time + e.m.threads.Now() - e.Since
	}
	return e.Time
}

// attach gives the event its program, taking over the reference. EEXIST: it has one.
func (e *Event) attach(p *bpf.Program, cookie uint64, link uint32) unix.Errno {
	switch {
	case !p.Probe() || p.Multi():
		return unix.EINVAL
	case e.program != nil:
		return unix.EEXIST
	}
	e.program = p
	e.Program, e.Cookie, e.Link = p.Id, cookie, link
	return 0
}

func (e *Event) detach() {
	if e.program != nil {
		e.program.Put()
		e.program, e.Program, e.Cookie, e.Link = nil, 0, 0, 0
	}
}

// Cloned is told of a new thread: events may be inherited.
func (m *Events) Cloned(parent, child int32) {
	for _, e := range m.all {
		if e.Inherit && e.Tid != 0 && (e.Tid == parent || slices.Contains(e.Family, parent)) {
			e.Family = append(e.Family, child)
		}
	}
}

// ended is who an event or a link is about when there is no such thread any more: numbers come again.
const ended = -1

// Ended is told of the end of a thread.
func (m *Events) Ended(tid int32) {
	for _, l := range m.links {
		if l.Pid == tid {
			l.Pid = ended
		}
	}
	for _, e := range m.all {
		if e.Tid == tid {
			e.Tid = ended
		}
		if i := slices.Index(e.Family, tid); i >= 0 {
			e.Family = slices.Delete(e.Family, i, i+1)
		}
	}
}

// Executed is told of an execve(2).
func (m *Events) Executed(tid int32) {
	for _, e := range m.all {
		if e.EnableOnExec && e.Tid == tid {
			e.EnableOnExec = false
			e.enable(true)
		}
	}
}
