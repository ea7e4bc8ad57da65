package content

import (
	"golang.org/x/sys/unix"

	"starling/pager/client"
	"starling/pager/table"
)

// Pager is the Store behind a client of the pager.
type Pager struct{ Client *client.Client }

// errno is the status as a program may see it.
func errno(st client.Status) unix.Errno {
	switch st {
	case client.OK:
		return 0
	case client.NoMemory:
		return unix.ENOMEM
	case client.Invalid:
		return unix.EINVAL
	}
	return unix.EIO
}

// Create implements Store.
func (p Pager) Create(size uint64) (Object, unix.Errno) {
	o, st := p.Client.ObjectCreate(size)
	return Object(o), errno(st)
}

// Adopt implements Store.
func (p Pager) Adopt(offset, size uint64) (Object, unix.Errno) {
	o, st := p.Client.ObjectAdopt(offset, size)
	return Object(o), errno(st)
}

// Resize implements Store.
func (p Pager) Resize(o Object, size uint64) unix.Errno {
	return errno(p.Client.ObjectResize(client.Object(o), size))
}

// Destroy implements Store.
func (p Pager) Destroy(o Object) {
	// A stale id means that the object is gone already, which is what was asked.
	_ = p.Client.ObjectDestroy(client.Object(o))
}

// Page implements Store.
func (p Pager) Page(o Object, index uint64) (*Page, bool) {
	pg, e := p.Client.ObjectPage(client.Object(o), index)
	return pg, e&table.Write != 0
}

// Next implements Store.
func (p Pager) Next(o Object, index uint64) (uint64, bool) {
	return p.Client.ObjectNext(client.Object(o), index)
}

// Populate implements Store.
func (p Pager) Populate(o Object, index, pages uint64) (uint64, unix.Errno) {
	n, st := p.Client.ObjectPopulate(client.Object(o), index, pages)
	if n > 0 {
		return n, 0
	}
	if st == client.OK {
		return 0, unix.ENOMEM
	}
	return 0, errno(st)
}

// Discard implements Store.
func (p Pager) Discard(o Object, index, pages uint64) unix.Errno {
	return errno(p.Client.ObjectDiscard(client.Object(o), index, pages))
}

// Resident implements Store.
func (p Pager) Resident(o Object) uint64 {
	if r := p.Client.ObjectRecord(client.Object(o)); r != nil {
		return r.Resident
	}
	return 0
}

// Mapped implements Store.
func (p Pager) Mapped(o Object) bool {
	r := p.Client.ObjectRecord(client.Object(o))
	return r != nil && r.Mappings > 0
}

// TotalPages implements Store.
func (p Pager) TotalPages() uint64 { return p.Client.Stats().FramesTotal }
