package sim

import "starling/ipc"

// memory is the object behind a memory capability: a range of physical pages.
// Copies of a capability share it.
type memory struct {
	base   uint64
	pages  uint64
	mapped bool // was ever mapped: never unset, such memory cannot become the kernel's
	dead   bool // granted to the kernel
}

func (m *memory) gone() bool { return m.dead }

// pool is the memory the kernel owns. Only its size matters: the objects
// themselves live on the Go heap, and each takes as many pages as on the machine.
type pool struct {
	free uint64
	// slots left in the pages that endpoints and memory objects are cut from
	endpointRoom, memoryRoom int
}

const (
	endpointsPerPage = 32
	memoriesPerPage  = 102
)

func (p *pool) take(pages uint64) error {
	if p.free < pages {
		return ipc.ErrMemory
	}
	p.free -= pages
	return nil
}

func (p *pool) takeEndpoint() error {
	if p.endpointRoom == 0 {
		if err := p.take(1); err != nil {
			return err
		}
		p.endpointRoom = endpointsPerPage
	}
	p.endpointRoom--
	return nil
}

func (p *pool) takeMemory() error {
	if p.memoryRoom == 0 {
		if err := p.take(1); err != nil {
			return err
		}
		p.memoryRoom = memoriesPerPage
	}
	p.memoryRoom--
	return nil
}

// GiveMemory gives pages of the free memory, as the kernel gives root all of it
// at boot. 0 pages means all that is left.
func (tr *Transport) GiveMemory(pages uint64) ipc.Handle {
	k := tr.k
	left := (uint64(len(k.arena)) - k.nextFree) / ipc.PageSize
	if pages == 0 {
		pages = left
	}
	if pages > left || pages == 0 {
		k.fail("GiveMemory(%d): %d pages are free", pages, left)
	}
	m := &memory{base: k.nextFree, pages: pages}
	k.nextFree += pages * ipc.PageSize
	return tr.own(capability{kind: kindMemory, object: m})
}

// Adopt places bytes in free memory, padded to whole pages, and gives tr the
// memory: how files of the boot image come to be.
func (tr *Transport) Adopt(content []byte) ipc.Handle {
	pages := (uint64(len(content)) + ipc.PageSize - 1) / ipc.PageSize
	h := tr.GiveMemory(max(pages, 1))
	m, _, _ := find[*memory](tr, h, kindMemory)
	copy(tr.k.arena[m.base:], content)
	m.mapped = true
	return h
}

// MemorySplit implements ipc.Transport.
func (tr *Transport) MemorySplit(h ipc.Handle, pages uint64) (ipc.Handle, error) {
	tr.enter()
	m, c, err := find[*memory](tr, h, kindMemory)
	if err != nil {
		return 0, err
	}
	if pages == 0 || pages >= m.pages {
		return 0, ipc.ErrInvalid
	}
	if m.mapped {
		return 0, ipc.ErrState
	}
	if err := tr.k.pool.takeMemory(); err != nil {
		return 0, err
	}
	piece := *c
	piece.object = &memory{base: m.base + (m.pages-pages)*ipc.PageSize, pages: pages}
	n, err := tr.caps.put(piece)
	if err != nil {
		tr.k.pool.memoryRoom++
		return 0, err
	}
	m.pages -= pages
	return n, nil
}

// MemoryInfo implements ipc.Transport.
func (tr *Transport) MemoryInfo(h ipc.Handle) (base, pages uint64, err error) {
	tr.enter()
	m, _, err := find[*memory](tr, h, kindMemory)
	if err != nil {
		return 0, 0, err
	}
	return m.base, m.pages, nil
}

// MemoryGrant implements ipc.Transport.
func (tr *Transport) MemoryGrant(h ipc.Handle, pages uint64) error {
	tr.enter()
	m, _, err := find[*memory](tr, h, kindMemory)
	if err != nil {
		return err
	}
	if m.mapped {
		return ipc.ErrState
	}
	if pages == 0 || pages > m.pages {
		return ipc.ErrInvalid
	}
	m.pages -= pages
	m.dead = m.pages == 0
	tr.k.pool.free += pages
	return nil
}

// KernelFree implements ipc.Transport.
func (tr *Transport) KernelFree() uint64 {
	tr.enter()
	return tr.k.pool.free
}
