package content

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/usermem"
)

// Ring is a queue of bytes in a memory object: the contents of pipes and sockets.
// It begins again at the first page whenever it is empty, so that little traffic
// stays in one page.
type Ring struct {
	state.RingT
	pages []*Page // those known to be present
}

// Init makes an empty ring for size bytes, a multiple of the page size. No
// memory is used before the first write.
func (r *Ring) Init(size uint64) { *r = Ring{RingT: state.RingT{Capacity: size}} }

// Import makes a ring of its state.
func (r *Ring) Import(t *state.RingT) {
	*r = Ring{}
	if t != nil {
		r.RingT = *t
	}
}

// Export is the ring's state.
func (r *Ring) Export() *state.RingT {
	c := r.RingT
	return &c
}

// Free is the number of bytes that fit.
func (r *Ring) Free() uint64 { return r.Capacity - r.Length }

// Destroy gives the memory back.
func (r *Ring) Destroy(s Store) {
	if r.Object != 0 {
		s.Destroy(r.Object)
	}
	r.Init(r.Capacity)
}

// page returns a page, making it and up to ahead following ones present.
func (r *Ring) page(s Store, index, ahead uint64) (*Page, unix.Errno) {
	if index < uint64(len(r.pages)) && r.pages[index] != nil {
		return r.pages[index], 0
	}
	if r.pages == nil {
		r.pages = make([]*Page, r.Capacity/PageSize)
	}
	if r.Object == 0 {
		o, e := s.Create(r.Capacity)
		if e != 0 {
			return nil, e
		}
		r.Object = o
	}
	p, writable := s.Page(r.Object, index)
	if p == nil || !writable {
		if _, e := s.Populate(r.Object, index, ahead); e != 0 {
			return nil, e
		}
		if p, writable = s.Page(r.Object, index); p == nil || !writable {
			return nil, unix.ENOMEM
		}
	}
	r.pages[index] = p
	return p, 0
}

// Write takes at most n bytes, n <= Free, from io.
func (r *Ring) Write(s Store, io *usermem.IO, n uint64) (int, unix.Errno) {
	if r.Length == 0 {
		r.Head = 0
		if n <= PageSize && len(r.pages) > 0 && r.pages[0] != nil {
			// The common case: an empty pipe, and a page that is there.
			m, e := io.Take(r.pages[0][:n])
			r.Length = uint64(m)
			return m, e
		}
	}
	done := 0
	for n > 0 {
		at := r.Head + r.Length
		if at >= r.Capacity {
			at -= r.Capacity
		}
		index, o := at/PageSize, at%PageSize
		ahead := min((o+n+PageSize-1)/PageSize, r.Capacity/PageSize-index)
		p, e := r.page(s, index, ahead)
		if e != 0 {
			return done, e
		}
		m, e := io.Take(p[o:min(o+n, PageSize)])
		done += m
		n -= uint64(m)
		r.Length += uint64(m)
		if e != 0 || m == 0 {
			return done, e
		}
	}
	return done, 0
}

// Read gives at most n bytes to io and takes them off.
func (r *Ring) Read(s Store, io *usermem.IO, n uint64) (int, unix.Errno) {
	if o := r.Head % PageSize; n <= r.Length && o+n <= PageSize && r.Head/PageSize < uint64(len(r.pages)) {
		if p := r.pages[r.Head/PageSize]; p != nil {
			m, e := io.Put(p[o : o+n])
			r.Drop(uint64(m))
			return m, e
		}
	}
	done, e := r.Peek(s, io, 0, n)
	r.Drop(uint64(done))
	return done, e
}

// Peek gives at most n bytes, from skip on, to io and leaves them there.
func (r *Ring) Peek(s Store, io *usermem.IO, skip, n uint64) (int, unix.Errno) {
	if skip >= r.Length {
		return 0, 0
	}
	n = min(n, r.Length-skip)
	done := 0
	for n > 0 {
		b, e := r.Span(s, skip)
		if e != 0 {
			return done, e
		}
		m, e := io.Put(b[:min(n, uint64(len(b)))])
		done += m
		skip += uint64(m)
		n -= uint64(m)
		if e != 0 || m == 0 {
			return done, e
		}
	}
	return done, 0
}

// Span is the contiguous bytes at skip from the front, skip < Length.
func (r *Ring) Span(s Store, skip uint64) ([]byte, unix.Errno) {
	at := r.Head + skip
	if at >= r.Capacity {
		at -= r.Capacity
	}
	p, e := r.page(s, at/PageSize, 1)
	if e != 0 {
		return nil, e
	}
	o := at % PageSize
	return p[o:min(o+r.Length-skip, PageSize)], 0
}

// Drop takes n bytes off the front.
func (r *Ring) Drop(n uint64) {
	r.Length -= n
	r.Head += n
	if r.Head >= r.Capacity {
		r.Head -= r.Capacity
	}
}

// Resize moves the bytes to a ring of another size, which they must fit.
func (r *Ring) Resize(s Store, size uint64) unix.Errno {
	var n Ring
	n.Init(size)
	var io usermem.IO
	for done := uint64(0); done < r.Length; {
		b, e := r.Span(s, done)
		if e != 0 {
			n.Destroy(s)
			return e
		}
		io.InitBytes(b)
		m, e := n.Write(s, &io, uint64(len(b)))
		if e != 0 {
			n.Destroy(s)
			return e
		}
		done += uint64(m)
	}
	r.Destroy(s)
	*r = n
	return 0
}
