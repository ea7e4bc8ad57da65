// Package client is the pager as its clients see it: typed calls and batches of
// them over a Transport, and readers of the published tables that send no message
// at all.
//
// A Client keeps no state that matters: it can be made anew at any time, ids of
// spaces and objects stay good. It is used by one loop, never by two at once.
package client

import (
	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/pager/table"
)

// Space names an address space, Object a memory object. 0 names none. Ids carry
// a generation: one that is kept too long names nothing.
type (
	Space  uint32
	Object uint32
)

// NewSpace and NewObject stand, inside a batch, for what it made last.
const (
	NewSpace  Space  = pagerwire.ThisSpace
	NewObject Object = pagerwire.ThisObject
)

// Status is the result of a call, OK or the reason. Compare it with OK.
type Status = pagerwire.Status

// The statuses a client has to tell apart; pagerwire has them all.
const (
	OK        = pagerwire.OK
	Invalid   = pagerwire.StatusInvalid
	Stale     = pagerwire.StatusStale
	NoMemory  = pagerwire.StatusNoMemory
	Fault     = pagerwire.StatusFault
	Exists    = pagerwire.StatusExists
	NotMapped = pagerwire.StatusNotMapped
	Transport = pagerwire.StatusTransport
)

// Region says what to map. Address and Offset are in bytes and page-aligned.
type Region struct {
	Address uint64
	Pages   uint64
	Access  ipc.Access // 0: reserved, nothing may be done
	Object  Object     // 0: anonymous memory, private zeros
	Offset  uint64     // into the object
	Flags   RegionFlags
}

// RegionFlags are properties of a region.
type RegionFlags uint32

const (
	// Shared: stores go to the object. Without it they go to a private copy.
	// Anonymous shared memory is an object of its own.
	Shared RegionFlags = pagerwire.FlagShared
	// NoReserve: allow what is larger than all of memory (MAP_NORESERVE).
	NoReserve RegionFlags = pagerwire.FlagNoReserve
	// NoFork: SpaceFork leaves the region out (MADV_DONTFORK).
	NoFork RegionFlags = pagerwire.FlagNoFork
	// Keep: answer Exists instead of replacing what is mapped there.
	Keep RegionFlags = pagerwire.FlagKeep
	// CopyAhead: whoever maps it does not expect the object to change (the segments
	// of programs, MAP_DENYWRITE): pages written in order are copied ahead. Without it a
	// private page follows the object until the first store to it, as on Linux.
	CopyAhead RegionFlags = pagerwire.FlagCopyAhead
)

// Client talks to one pager.
type Client struct {
	t        ipc.Transport
	endpoint ipc.Handle
	window   table.Window
	view     table.View
	batch    Batch
	leaves   [leafCount]leaf // by block and space
}

// New asks the pager at endpoint for its tables. The window must show at least the
// tables; SpacePage and ObjectPage can return only frames it shows.
func New(t ipc.Transport, endpoint ipc.Handle, w table.Window) (*Client, error) {
	c := &Client{t: t, endpoint: endpoint, window: w}
	c.batch.c = c
	b := c.Batch()
	i := b.add(&pagerwire.Command{Code: pagerwire.CodeInfo})
	if st := b.Run(); st != OK {
		return nil, st
	}
	v, ok := table.NewView(w, b.Value(i))
	if !ok {
		return nil, pagerwire.StatusMalformed
	}
	c.view = v
	return c, nil
}

// one runs a batch of a single op and returns what it did.
func (c *Client) one(cmd *pagerwire.Command) (uint64, Status) {
	b := c.Batch()
	i := b.add(cmd)
	st := b.Run()
	return b.Value(i), st
}

// SpaceCreate makes an empty space. The handle is the kernel's, for threads.
// The id is the fault badge of threads that run in it.
func (c *Client) SpaceCreate() (Space, ipc.Handle, Status) {
	b := c.Batch()
	i := b.SpaceCreate()
	st := b.Run()
	return c.made(Space(b.Value(i)), b.Handle(), st)
}

// made is a new space with its capability. When there was no place for that in the caller's table nobody could use
// the space: it goes again.
func (c *Client) made(s Space, h ipc.Handle, st Status) (Space, ipc.Handle, Status) {
	if st == OK && h == 0 {
		c.SpaceDestroy(s)
		return 0, 0, NoMemory
	}
	return s, h, st
}

// SpaceFork makes a copy-on-write copy of a space.
func (c *Client) SpaceFork(parent Space) (Space, ipc.Handle, Status) {
	b := c.Batch()
	i := b.SpaceFork(parent)
	st := b.Run()
	return c.made(Space(b.Value(i)), b.Handle(), st)
}

// SpaceDestroy destroys a space with every thread in it. The caller's handle of
// it is dead afterwards: delete it.
func (c *Client) SpaceDestroy(s Space) Status {
	_, st := c.one(&pagerwire.Command{Code: pagerwire.CodeSpaceDestroy, Space: uint32(s)})
	return st
}

// Map maps a region, replacing what is there.
func (c *Client) Map(s Space, r Region) Status {
	b := c.Batch()
	b.Map(s, r)
	return b.Run()
}

// Unmap removes pages from va on. Holes are fine.
func (c *Client) Unmap(s Space, va, pages uint64) Status {
	b := c.Batch()
	b.Unmap(s, va, pages)
	return b.Run()
}

// Protect sets what the mapped pages of the range allow. Holes are fine.
func (c *Client) Protect(s Space, va, pages uint64, access ipc.Access) Status {
	b := c.Batch()
	b.Protect(s, va, pages, access)
	return b.Run()
}

// Move moves pages from one address to another, with their contents. The ranges
// may not overlap, the old one has no hole; what is mapped at the new one goes.
func (c *Client) Move(s Space, from, pages, to uint64) Status {
	b := c.Batch()
	b.Move(s, from, pages, to)
	return b.Run()
}

// Discard drops the private contents of a range (MADV_DONTNEED).
func (c *Client) Discard(s Space, va, pages uint64) Status {
	b := c.Batch()
	b.Discard(s, va, pages)
	return b.Run()
}

// Populate makes pages present for the access, up to the first that cannot be,
// and returns how many are. Fault tells that it stopped early.
func (c *Client) Populate(s Space, va, pages uint64, access ipc.Access) (uint64, Status) {
	b := c.Batch()
	i := b.Populate(s, va, pages, access)
	st := b.Run()
	return b.Value(i), st
}

// Resolve makes the page of va present for the access, as a fault of the program
// would, and returns its entry. With Fault, the class says why not. With force
// the region's rights do not count and a store gets a private copy: what a
// debugger may do. The entry may be used until the next call that changes mappings.
func (c *Client) Resolve(s Space, va uint64, access ipc.Access, force bool) (table.Entry, ipc.FaultClass, Status) {
	cmd := pagerwire.Command{Code: pagerwire.CodeResolve, Space: uint32(s), Address: va, Access: access}
	if force {
		cmd.Flags = pagerwire.FlagForce
	}
	b := c.Batch()
	i := b.add(&cmd)
	st := b.Run()
	return table.Entry(b.Value(i)), b.Class(i), st
}

// ObjectCreate makes an object of size zero bytes, held once.
func (c *Client) ObjectCreate(size uint64) (Object, Status) {
	v, st := c.one(&pagerwire.Command{Code: pagerwire.CodeObjectCreate, Size: size})
	return Object(v), st
}

// ObjectAdopt makes an object of size bytes out of the boot image's own pages
// from offset on (bytes from the start of the image, page-aligned). The bytes
// between size and the end of its last page must be zero in the image.
func (c *Client) ObjectAdopt(offset, size uint64) (Object, Status) {
	v, st := c.one(&pagerwire.Command{Code: pagerwire.CodeObjectAdopt, Offset: offset, Size: size})
	return Object(v), st
}

// ObjectResize sets the size in bytes. Pages past the end are dropped, unmapped
// everywhere, and the rest of the last page is zeroed.
//
// The size decides where mappings fault (FaultPastEnd) and nothing else: while nobody
// maps the object (ObjectMapped) its pages may be populated and written beyond the size.
func (c *Client) ObjectResize(o Object, size uint64) Status {
	_, st := c.one(&pagerwire.Command{Code: pagerwire.CodeObjectResize, Object: uint32(o), Size: size})
	return st
}

// ObjectRef adds a holder.
func (c *Client) ObjectRef(o Object) Status {
	_, st := c.one(&pagerwire.Command{Code: pagerwire.CodeObjectRef, Object: uint32(o)})
	return st
}

// ObjectDestroy takes a holder away. The object lives, and its id is good, as long
// as it has a holder or a mapping.
func (c *Client) ObjectDestroy(o Object) Status {
	_, st := c.one(&pagerwire.Command{Code: pagerwire.CodeObjectDestroy, Object: uint32(o)})
	return st
}

// ObjectPopulate gives pages from index on frames that may be written through
// the window, zeroed if they are new, and returns how many could be had.
func (c *Client) ObjectPopulate(o Object, index, pages uint64) (uint64, Status) {
	return c.one(&pagerwire.Command{Code: pagerwire.CodeObjectPopulate, Object: uint32(o),
		Offset: index << table.PageShift, Pages: pages})
}

// ObjectDiscard makes pages from index on holes again, for mappings too.
func (c *Client) ObjectDiscard(o Object, index, pages uint64) Status {
	_, st := c.one(&pagerwire.Command{Code: pagerwire.CodeObjectDiscard, Object: uint32(o),
		Offset: index << table.PageShift, Pages: pages})
	return st
}

// KernelGrant gives the kernel about that many pages: the answer to ErrMemory.
func (c *Client) KernelGrant(pages uint64) Status {
	_, st := c.one(&pagerwire.Command{Code: pagerwire.CodeKernelGrant, Pages: pages})
	return st
}
