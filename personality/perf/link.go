package perf

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/bpf"
	"starling/personality/state"
	"starling/personality/vfs"
)

// Link is a program attached to an event, or to places of a file, for as long as the link lives (BPF_LINK_CREATE).
type Link struct {
	state.BpfLinkT
	m    *Events
	file *vfs.File // of the event, or the probed one
	refs int       // files
	// program and places are nil where the link is about an event.
	program *bpf.Program
	places  []*place
}

// Attach is BPF_LINK_CREATE with an event as its target. EBADF: f is no event.
func (m *Events) Attach(p *bpf.Program, f *vfs.File, cookie uint64) (*vfs.File, unix.Errno) {
	e := EventOf(f)
	if e == nil {
		return nil, unix.EBADF
	}
	m.nextLink++
	l := &Link{m: m, file: f, refs: 1, BpfLinkT: state.BpfLinkT{Id: m.nextLink}}
	if errno := e.attach(p, cookie, l.Id); errno != 0 {
		return nil, errno
	}
	p.Get()
	f.Get()
	m.links = append(m.links, l)
	return m.linkFile(l)
}

// LinkFile makes another file of a link.
func (m *Events) LinkFile(l *Link) (*vfs.File, unix.Errno) {
	l.refs++
	return m.linkFile(l)
}

func (m *Events) linkFile(l *Link) (*vfs.File, unix.Errno) {
	f, e := m.v.NewAnonFile("anon_inode:bpf_link", vfs.KindBPFLink, uint64(l.Id), linkFile{l: l}, unix.O_RDWR)
	if e != 0 {
		l.put()
	}
	return f, e
}

// put drops a user; with the last one the program is detached.
func (l *Link) put() {
	if l.refs--; l.refs > 0 {
		return
	}
	if e := l.Target(); e != nil && e.Link == l.Id {
		e.detach()
	}
	for _, p := range l.places {
		l.m.probes.Unregister(l.file.Inode, p.Offset, p)
	}
	if l.program != nil {
		l.program.Put()
	}
	l.m.links = slices.DeleteFunc(l.m.links, func(o *Link) bool { return o == l })
	l.m.v.Put(l.file)
}

// Target is the event, nil if the link is about places.
func (l *Link) Target() *Event {
	if l.program != nil {
		return nil
	}
	return EventOf(l.file)
}

// ProgramID is the number of the attached program.
func (l *Link) ProgramID() uint32 {
	if e := l.Target(); e != nil {
		return e.Program
	}
	return l.Program
}

// Link finds a link by its number, Next the number after one. ENOENT.
func (m *Events) Link(id uint32) *Link {
	for _, l := range m.links {
		if l.Id == id {
			return l
		}
	}
	return nil
}

// Next is the lowest number above one.
func (m *Events) Next(id uint32) (uint32, unix.Errno) {
	for _, l := range m.links {
		if l.Id > id {
			return l.Id, 0
		}
	}
	return 0, unix.ENOENT
}

// EventOf is the event of a file, nil if it is another kind of file; LinkOf the link.
func EventOf(f *vfs.File) *Event {
	if x, ok := f.Ops.(eventFile); ok {
		return x.e
	}
	return nil
}

// LinkOf is EventOf for links.
func LinkOf(f *vfs.File) *Link {
	if x, ok := f.Ops.(linkFile); ok {
		return x.l
	}
	return nil
}

type linkFile struct {
	vfs.FileBase
	l *Link
}

// Release implements vfs.FileOps.
func (f linkFile) Release(*vfs.VFS, *vfs.File) { f.l.put() }

// Describe appends the lines of /proc/PID/fdinfo.
func (f linkFile) Describe(_ *vfs.File, b []byte) []byte {
	kind := "perf"
	if f.l.program != nil {
		kind = "uprobe_multi"
	}
	return fmt.Appendf(b, "link_type:\t%s\nlink_id:\t%d\nprog_id:\t%d\n", kind, f.l.Id, f.l.ProgramID())
}

type linkKind struct{ m *Events }

// Reopen implements vfs.Kind.
func (k linkKind) Reopen(f *vfs.File) unix.Errno {
	l := k.m.Link(uint32(f.Key0))
	if l == nil {
		return unix.EINVAL
	}
	l.refs++
	f.Ops = linkFile{l: l}
	return 0
}
