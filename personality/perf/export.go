package perf

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
)

// Export adds events and links to the state.
func (m *Events) Export(t *state.ProbesT) {
	t.NextLink = m.nextLink
	for _, e := range m.all {
		s := e.ProbeEventT
		s.File = e.file.Id
		if len(s.Family) == 0 {
			s.Family = nil
		}
		t.Events = append(t.Events, &s)
	}
	for _, o := range m.outputs {
		s := o.PerfOutputT
		t.Outputs = append(t.Outputs, &s)
	}
	for _, l := range m.links {
		s := l.BpfLinkT
		s.Event = l.file.Id
		t.Links = append(t.Links, &s)
	}
}

// Import makes events and links of a state, before files refer to them.
func (m *Events) Import(t *state.ProbesT) unix.Errno {
	m.nextLink = t.NextLink
	for _, s := range t.Events {
		e := &Event{ProbeEventT: *s, m: m}
		e.Code, e.Family = slices.Clone(e.Code), slices.Clone(e.Family)
		if e.Program != 0 {
			p := m.objects.Program(e.Program)
			if p == nil || !p.Probe() {
				return unix.EINVAL
			}
			e.program = p.Get()
		}
		m.all = append(m.all, e)
	}
	for _, s := range t.Outputs {
		o := &Output{PerfOutputT: *s, m: m}
		if o.Pages != 0 && (o.Pages&(o.Pages-1) != 0 || o.Pages > maxOutputPages || !o.findPages()) {
			return unix.EINVAL
		}
		m.outputs = append(m.outputs, o)
	}
	for _, s := range t.Links {
		l := &Link{BpfLinkT: *s, m: m}
		if l.Program != 0 && !l.importPlaces() {
			return unix.EINVAL
		}
		m.links = append(m.links, l)
	}
	return 0
}

// Relink finds the files of imported events and links.
func (m *Events) Relink(r *vfs.Restorer) unix.Errno {
	for _, e := range m.all {
		f := r.File(e.File)
		if f == nil {
			return unix.EINVAL
		}
		e.file = f.Get()
		if !m.probes.Attach(e.spec(), e) {
			return unix.EINVAL
		}
	}
	for _, l := range m.links {
		f := r.File(l.BpfLinkT.Event)
		if f == nil || l.program == nil && EventOf(f) == nil {
			return unix.EINVAL
		}
		l.file = f.Get()
		for _, p := range l.places {
			if !m.probes.Attach(p.spec(), p) {
				return unix.EINVAL
			}
		}
	}
	if e := m.objects.Relink(r); e != 0 {
		return e
	}
	return m.objects.Settle()
}
