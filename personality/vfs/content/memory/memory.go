// Package memory is a content.Store in ordinary memory, so that the file layer
// can be tested without a pager.
package memory

import (
	"bytes"

	"golang.org/x/sys/unix"

	"starling/personality/vfs/content"
)

// Store keeps objects in maps. Limit bounds the pages of all of them, 0: no limit.
type Store struct {
	Limit uint64
	// Image is what Adopt takes pages from.
	Image []byte
	// Calls counts what would be a message to the pager.
	Calls int

	objects map[content.Object]*object
	next    content.Object
	used    uint64
}

type object struct {
	size    uint64
	pages   map[uint64]*content.Page
	adopted []byte
	mapped  bool
}

// New makes an empty store.
func New() *Store { return &Store{objects: map[content.Object]*object{}} }

// Objects is the number of objects; a test of leaks looks at it.
func (s *Store) Objects() int { return len(s.objects) }

// SetMapped says whether a program maps the object.
func (s *Store) SetMapped(o content.Object, on bool) { s.objects[o].mapped = on }

// Size is the size that mappings see.
func (s *Store) Size(o content.Object) uint64 { return s.objects[o].size }

func (s *Store) make(size uint64) *object {
	s.Calls++
	s.next++
	o := &object{size: size, pages: map[uint64]*content.Page{}}
	s.objects[s.next] = o
	return o
}

// Create implements content.Store.
func (s *Store) Create(size uint64) (content.Object, unix.Errno) {
	s.make(size)
	return s.next, 0
}

// Adopt implements content.Store.
func (s *Store) Adopt(offset, size uint64) (content.Object, unix.Errno) {
	if offset > uint64(len(s.Image)) || size > uint64(len(s.Image))-offset {
		return 0, unix.EINVAL
	}
	s.make(size).adopted = bytes.Clone(s.Image[offset : offset+size])
	return s.next, 0
}

// Resize implements content.Store.
func (s *Store) Resize(id content.Object, size uint64) unix.Errno {
	s.Calls++
	o := s.objects[id]
	if o == nil {
		return unix.EIO
	}
	o.size = size
	last := (size + content.PageSize - 1) / content.PageSize
	for i, p := range o.pages {
		if i >= last {
			delete(o.pages, i)
			s.used--
		} else if i == last-1 && size%content.PageSize != 0 {
			clear(p[size%content.PageSize:])
		}
	}
	if uint64(len(o.adopted)) > size {
		o.adopted = o.adopted[:size]
	}
	return 0
}

// Destroy implements content.Store.
func (s *Store) Destroy(id content.Object) {
	s.Calls++
	s.used -= uint64(len(s.objects[id].pages))
	delete(s.objects, id)
}

// Page implements content.Store.
func (s *Store) Page(id content.Object, index uint64) (*content.Page, bool) {
	o := s.objects[id]
	if o == nil {
		return nil, false
	}
	if p := o.pages[index]; p != nil {
		return p, true
	}
	if a := index * content.PageSize; a < uint64(len(o.adopted)) {
		p := new(content.Page)
		copy(p[:], o.adopted[a:])
		return p, false
	}
	return nil, false
}

// Next implements content.Store.
func (s *Store) Next(id content.Object, index uint64) (uint64, bool) {
	o := s.objects[id]
	if o == nil {
		return 0, false
	}
	if index*content.PageSize < uint64(len(o.adopted)) {
		return index, true
	}
	best, ok := uint64(0), false
	for i := range o.pages {
		if i >= index && (!ok || i < best) {
			best, ok = i, true
		}
	}
	return best, ok
}

// Populate implements content.Store.
func (s *Store) Populate(id content.Object, index, pages uint64) (uint64, unix.Errno) {
	s.Calls++
	o := s.objects[id]
	if o == nil {
		return 0, unix.EIO
	}
	for n := range pages {
		if o.pages[index+n] != nil {
			continue
		}
		if s.Limit != 0 && s.used >= s.Limit {
			if n == 0 {
				return 0, unix.ENOMEM
			}
			return n, 0
		}
		p := new(content.Page)
		if old, _ := s.Page(id, index+n); old != nil {
			*p = *old
		}
		o.pages[index+n] = p
		s.used++
	}
	return pages, 0
}

// Discard implements content.Store.
func (s *Store) Discard(id content.Object, index, pages uint64) unix.Errno {
	s.Calls++
	o := s.objects[id]
	if o == nil {
		return unix.EIO
	}
	for i := range o.pages {
		if i >= index && i < index+pages {
			delete(o.pages, i)
			s.used--
		}
	}
	if a := index * content.PageSize; a < uint64(len(o.adopted)) {
		end := min((index+pages)*content.PageSize, uint64(len(o.adopted)))
		clear(o.adopted[a:end])
	}
	return 0
}

// Resident implements content.Store.
func (s *Store) Resident(id content.Object) uint64 {
	if o := s.objects[id]; o != nil {
		return uint64(len(o.pages))
	}
	return 0
}

// Mapped implements content.Store.
func (s *Store) Mapped(id content.Object) bool {
	o := s.objects[id]
	return o != nil && o.mapped
}

// TotalPages implements content.Store.
func (s *Store) TotalPages() uint64 { return 1 << 16 }
