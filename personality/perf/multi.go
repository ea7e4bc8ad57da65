package perf

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/bpf"
	"starling/personality/mm"
	"starling/personality/state"
	"starling/personality/uprobe"
	"starling/personality/vfs"
)

// Places is a checked BPF_LINK_CREATE of BPF_TRACE_UPROBE_MULTI: a program at several places of one file.
type Places struct {
	Program *bpf.Program
	// File is the probed file; the reference goes to the link, also when there can be none.
	File     *vfs.File
	Path     string
	PID      int32 // 0: all processes
	AtReturn bool
	List     []*state.BpfPlaceT
}

// place is one of the places of a link.
type place struct {
	*state.BpfPlaceT
	l *Link
}

// AttachPlaces makes a link that probes.
func (m *Events) AttachPlaces(q *Places) (*vfs.File, unix.Errno) {
	if m.probed()+len(q.List) > maxEvents {
		m.v.Put(q.File)
		return nil, unix.EMFILE
	}
	m.nextLink++
	l := &Link{m: m, file: q.File, refs: 1, program: q.Program.Get(), BpfLinkT: state.BpfLinkT{Id: m.nextLink, Program: q.Program.Id,
		Path: q.Path, AtReturn: q.AtReturn, Pid: q.PID, Places: q.List}}
	m.links = append(m.links, l)
	for _, s := range q.List {
		p := &place{s, l}
		if e := m.probes.Register(p.spec(), p); e != 0 {
			l.put()
			return nil, e
		}
		l.places = append(l.places, p)
	}
	return m.linkFile(l)
}

// probed is how many places are probed.
func (m *Events) probed() int {
	n := len(m.all)
	for _, l := range m.links {
		n += len(l.places)
	}
	return n
}

func (p *place) spec() uprobe.Spec {
	return uprobe.Spec{Inode: p.l.file.Inode, Offset: p.Offset, Code: p.Code, Counter: p.Counter}
}

// Wants implements uprobe.Consumer.
func (p *place) Wants(s *mm.Space) bool {
	return p.l.Pid == 0 || p.l.m.threads.SpaceOf(p.l.Pid) == s
}

// AtReturn implements uprobe.Consumer.
func (p *place) AtReturn() bool { return p.l.AtReturn }

// Hit implements uprobe.Consumer.
func (p *place) Hit(h *uprobe.Hit) {
	m := p.l.m
	_, env := m.threads.About(h.Thread)
	if pid := int32(env.PIDTGID() >> 32); p.l.Pid == 0 || p.l.Pid == pid {
		m.run(p.l.program, env, h, p.Cookie)
	}
}

// run runs a program for a hit.
func (m *Events) run(p *bpf.Program, env bpf.Environment, h *uprobe.Hit, cookie uint64) uint64 {
	if p.ReadsContext() {
		isa.ProbeContext(h.Frame, &m.context)
	}
	m.occasion = bpf.Occasion{Context: m.context[:], Cookie: cookie, Function: h.Function}
	return p.Run(env, &m.occasion)
}

// importPlaces makes an imported link that probes what it was; its file comes later.
func (l *Link) importPlaces() bool {
	p := l.m.objects.Program(l.Program)
	if p == nil || !p.Multi() || len(l.BpfLinkT.Places) == 0 {
		return false
	}
	l.program = p.Get()
	for _, s := range l.BpfLinkT.Places {
		l.places = append(l.places, &place{s, l})
	}
	return true
}
