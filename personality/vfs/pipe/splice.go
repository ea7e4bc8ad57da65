package pipe

import (
	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/content"
	"starling/personality/wait"
)

// Capacity is F_GETPIPE_SZ.
func (p *Pipe) Capacity() uint64 { return p.Size }

// Queued is the number of bytes to be read.
func (p *Pipe) Queued() uint64 { return p.ring.Length }

// Room is the number of bytes that can be written now.
func (p *Pipe) Room() uint64 { return p.ring.Free() }

// Resize is F_SETPIPE_SZ: the size is rounded up to a power of two pages.
func (m *Pipes) Resize(c *vfs.Context, p *Pipe, size uint64) (uint64, unix.Errno) {
	if size > AbsoluteMax {
		return 0, unix.EINVAL
	}
	n := uint64(content.PageSize)
	for n < size {
		n *= 2
	}
	switch {
	case n > p.Size && n > MaxSize && !c.Capable(unix.CAP_SYS_RESOURCE):
		return 0, unix.EPERM
	case n < p.ring.Length:
		return 0, unix.EBUSY
	case n == p.Size:
		return n, 0
	}
	if e := p.ring.Resize(m.store, n); e != 0 {
		return 0, e
	}
	p.Size = n
	m.v.Waits.Wake(p.waitID(), wait.Out|wait.WrNrm)
	return n, 0
}

// Front returns contiguous bytes at skip from the front, at most max, without
// taking them; nil at the end. Packets are respected.
func (m *Pipes) Front(p *Pipe, skip, max uint64) ([]byte, unix.Errno) {
	if packet := p.packet(); packet != 0 && skip == 0 {
		max = min(max, packet)
	}
	if skip >= p.ring.Length {
		return nil, 0
	}
	b, e := p.ring.Span(m.store, skip)
	if e != 0 {
		return nil, e
	}
	return b[:min(max, uint64(len(b)))], 0
}

// Take drops n bytes that Front showed.
func (m *Pipes) Take(p *Pipe, n uint64) {
	packet := p.packet()
	p.ring.Drop(n)
	m.took(p, n, packet)
}

// Put writes bytes of the personality, as much as there is room for.
func (m *Pipes) Put(f *vfs.File, b []byte) (int, unix.Errno) {
	p := f.Private.(*Pipe)
	var io usermem.IO
	io.InitBytes(b)
	n, e := p.ring.Write(m.store, &io, min(uint64(len(b)), p.ring.Free()))
	if n > 0 {
		m.gave(p, f, uint64(n))
	}
	return n, e
}

// PutIO writes bytes of a program, as much as there is room for (vmsplice(2)).
func (m *Pipes) PutIO(f *vfs.File, io *usermem.IO) (int, unix.Errno) {
	p := f.Private.(*Pipe)
	n, e := p.ring.Write(m.store, io, min(io.Len(), p.ring.Free()))
	if n > 0 {
		m.gave(p, f, uint64(n))
	}
	return n, e
}
