package sim

import "starling/ipc"

// UserLimit is the end of the addresses a space can map (docs/contract.md).
const UserLimit = 0x7fff_ffff_f000

// mapBatch is the most pages one Map may carry.
const mapBatch = 512

// space is an address space: a page table of four levels of 512 entries, as
// the hardware has, so that it takes as many kernel pages as on the machine.
type space struct {
	k       *Kernel
	root    *node
	nodes   uint64 // kernel pages the table takes
	threads map[uint32]*Thread
	dead    bool
}

// node is one page of a page table.
type node struct {
	child [512]*node // levels 3, 2, 1
	entry []uint64   // level 0: physical address | access, 0 is not present
}

func (s *space) gone() bool { return s.dead }

// SpaceCreate implements ipc.Transport.
func (tr *Transport) SpaceCreate() (ipc.Handle, error) {
	tr.enter()
	if err := tr.k.pool.take(1); err != nil {
		return 0, err
	}
	s := &space{k: tr.k, root: &node{}, nodes: 1, threads: map[uint32]*Thread{}}
	h, err := tr.caps.put(capability{kind: kindSpace, object: s})
	if err != nil {
		tr.k.pool.free++
	}
	return h, err
}

// SpaceDestroy implements ipc.Transport. The capability stays, of something gone, until CapDelete.
func (tr *Transport) SpaceDestroy(h ipc.Handle) error {
	tr.enter()
	s, _, err := find[*space](tr, h, kindSpace)
	if err != nil {
		return err
	}
	// Thread numbers go back to the free list in a fixed order.
	for n := range tr.k.threads {
		if t := s.threads[uint32(n)]; t != nil {
			tr.k.destroyThread(t)
		}
	}
	tr.k.pool.free += s.nodes
	s.dead, s.root = true, nil
	return nil
}

// slot returns the leaf entry of va, making the tables on the way when make is set.
func (s *space) slot(va uint64, create bool) (*uint64, error) {
	n := s.root
	for shift := 39; shift >= 21; shift -= 9 {
		next := &n.child[va>>shift&511]
		if *next == nil {
			if !create {
				return nil, nil
			}
			if err := s.k.pool.take(1); err != nil {
				return nil, err
			}
			s.nodes++
			*next = &node{}
			if shift == 21 {
				(*next).entry = make([]uint64, 512)
			}
		}
		n = *next
	}
	return &n.entry[va>>12&511], nil
}

// translate gives the physical address of va for an access. present tells a
// missing page from a forbidden access.
func (s *space) translate(va uint64, access ipc.Access) (phys uint64, present, ok bool) {
	if va >= UserLimit || s.dead {
		return 0, false, false
	}
	e, _ := s.slot(va, false)
	if e == nil || *e == 0 {
		return 0, false, false
	}
	// The hardware cannot forbid reading what is present.
	if need := access &^ ipc.Read; ipc.Access(*e)&need != need {
		return 0, true, false
	}
	return *e&^(ipc.PageSize-1) | va&(ipc.PageSize-1), true, true
}

func rangeOK(va, pages uint64) bool {
	return va%ipc.PageSize == 0 && va < UserLimit && pages > 0 && pages <= (UserLimit-va)/ipc.PageSize
}

const accessAll = ipc.Read | ipc.Write | ipc.Execute

// Map implements ipc.Transport.
func (tr *Transport) Map(space_ ipc.Handle, va uint64, mem ipc.Handle, entries []uint64) error {
	tr.enter()
	s, m, err := tr.mapping(space_, mem)
	if err != nil {
		return err
	}
	if len(entries) > mapBatch || !rangeOK(va, uint64(len(entries))) {
		return ipc.ErrInvalid
	}
	for i, e := range entries { // what was mapped before an error stays
		if e == 0 {
			continue
		}
		if e&(ipc.PageSize-1)&^uint64(accessAll) != 0 || e&uint64(accessAll) == 0 || e/ipc.PageSize >= m.pages {
			return ipc.ErrInvalid
		}
		if err := s.set(va+uint64(i)*ipc.PageSize, m, e); err != nil {
			return err
		}
	}
	return nil
}

// MapRange implements ipc.Transport.
func (tr *Transport) MapRange(space_ ipc.Handle, va uint64, mem ipc.Handle, offset, pages uint64, access ipc.Access) error {
	tr.enter()
	s, m, err := tr.mapping(space_, mem)
	if err != nil {
		return err
	}
	if !rangeOK(va, pages) || offset%ipc.PageSize != 0 || offset/ipc.PageSize > m.pages ||
		pages > m.pages-offset/ipc.PageSize || access == 0 || access&^accessAll != 0 {
		return ipc.ErrInvalid
	}
	for i := uint64(0); i < pages; i++ {
		if err := s.set(va+i*ipc.PageSize, m, offset+i*ipc.PageSize|uint64(access)); err != nil {
			return err
		}
	}
	return nil
}

func (tr *Transport) mapping(space_, mem ipc.Handle) (*space, *memory, error) {
	s, _, err := find[*space](tr, space_, kindSpace)
	if err != nil {
		return nil, nil, err
	}
	m, _, err := find[*memory](tr, mem, kindMemory)
	return s, m, err
}

func (s *space) set(va uint64, m *memory, e uint64) error {
	slot, err := s.slot(va, true)
	if err != nil {
		return err
	}
	m.mapped = true
	*slot = m.base + e | uint64(ipc.Read)
	return nil
}

// Unmap implements ipc.Transport.
func (tr *Transport) Unmap(h ipc.Handle, va, pages uint64) error {
	return tr.change(h, va, pages, func(e *uint64) { *e = 0 })
}

// Protect implements ipc.Transport.
func (tr *Transport) Protect(h ipc.Handle, va, pages uint64, drop ipc.Access) error {
	if drop == 0 || drop&^accessAll != 0 {
		return ipc.ErrInvalid
	}
	return tr.change(h, va, pages, func(e *uint64) {
		*e &^= uint64(drop)
		if drop&ipc.Read != 0 { // what cannot be read is not present
			*e = 0
		}
	})
}

// change applies f to every present page of a range; missing tables are skipped whole.
func (tr *Transport) change(h ipc.Handle, va, pages uint64, f func(*uint64)) error {
	tr.enter()
	s, _, err := find[*space](tr, h, kindSpace)
	if err != nil {
		return err
	}
	if !rangeOK(va, pages) {
		return ipc.ErrInvalid
	}
	s.root.walk(3, 0, va, va+pages*ipc.PageSize, f)
	return nil
}

func (n *node) walk(level int, base, from, to uint64, f func(*uint64)) {
	shift := 12 + 9*level
	size := uint64(1) << shift
	first := uint64(0)
	if from > base {
		first = (from - base) >> shift
	}
	for i := first; i < 512; i++ {
		at := base + i*size
		if at >= to {
			return
		}
		switch {
		case level > 0 && n.child[i] != nil:
			n.child[i].walk(level-1, at, from, to, f)
		case level == 0 && n.entry[i] != 0:
			f(&n.entry[i])
		}
	}
}
