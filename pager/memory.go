package pager

import (
	"fmt"
	"unsafe"

	"starling/ipc"
	"starling/pager/table"
)

// maxAreas bounds the memory capabilities: RAM comes in few pieces.
const maxAreas = 16

// area is one memory capability whose frames may be mapped.
type area struct {
	handle    ipc.Handle
	base, end uint64 // physical, in bytes
}

// Shares of all memory in parts of 1024. A process needs about as many
// pages for the kernel's tables as for the published ones, 10 to 12 when small.
const (
	tablesShare = 104
	grantsShare = 104
)

// minPages is the least memory a pager starts with.
const minPages = 256

// firstGrant is how many pages the kernel gets at once before the window is mapped.
const firstGrant = 64

// takeMemory splits what root gave into data, tables and grants and maps the
// window into the pager's own space.
func (p *Pager) takeMemory(cfg *Config) error {
	var total uint64
	big, bigPages := -1, uint64(0)
	if len(cfg.Memory) > maxAreas-1 {
		return fmt.Errorf("pager: %d memory capabilities, at most %d", len(cfg.Memory), maxAreas-1)
	}
	for i, h := range cfg.Memory {
		_, pages, err := p.t.MemoryInfo(h)
		if err != nil {
			return fmt.Errorf("pager: memory capability %d: %w", h, err)
		}
		total += pages
		if pages > bigPages {
			big, bigPages = i, pages
		}
	}
	tables, grants := total*tablesShare/1024, total*grantsShare/1024
	if total < minPages || bigPages <= tables+grants {
		return fmt.Errorf("pager: %d pages of memory are too few", total)
	}
	var err error
	if p.grants, err = p.t.MemorySplit(cfg.Memory[big], grants); err != nil {
		return fmt.Errorf("pager: split off kernel grants: %w", err)
	}
	p.grantsLeft = grants
	if !p.grant(firstGrant) {
		return fmt.Errorf("pager: the kernel takes no memory")
	}
	tablesHandle, err := p.t.MemorySplit(cfg.Memory[big], tables)
	if err != nil {
		return fmt.Errorf("pager: split off tables: %w", err)
	}
	if p.tables, err = p.areaOf(tablesHandle); err != nil {
		return err
	}
	for _, h := range cfg.Memory {
		a, err := p.areaOf(h)
		if err != nil {
			return err
		}
		p.data = append(p.data, a)
	}
	if cfg.Image != 0 {
		if p.image, err = p.areaOf(cfg.Image); err != nil {
			return err
		}
	}
	if cfg.Own != 0 {
		if err := p.mapWindow(cfg.Own, ipc.Read|ipc.Write, windowData|windowTables|windowImage); err != nil {
			return fmt.Errorf("pager: map the window: %w", err)
		}
	}
	for _, a := range append([]area{p.tables, p.image}, p.data...) {
		if a.end > a.base && p.window.At(a.base, a.end-a.base) == nil {
			return fmt.Errorf("pager: the window does not show [%#x, %#x)", a.base, a.end)
		}
	}
	return nil
}

func (p *Pager) areaOf(h ipc.Handle) (area, error) {
	base, pages, err := p.t.MemoryInfo(h)
	if err != nil {
		return area{}, fmt.Errorf("pager: memory capability %d: %w", h, err)
	}
	return area{h, base, base + pages<<table.PageShift}, nil
}

// Parts of the window.
const (
	windowData = 1 << iota
	windowTables
	windowImage
)

// mapWindow maps parts of the window into a space: data read-write, the image
// read-only, the tables with tablesAccess.
func (p *Pager) mapWindow(space ipc.Handle, tablesAccess ipc.Access, parts int) error {
	m := func(a area, access ipc.Access) error {
		if a.end == a.base {
			return nil
		}
		for {
			err := p.t.MapRange(space, p.windowAddress+a.base, a.handle, 0, (a.end-a.base)>>table.PageShift, access)
			if err != ipc.ErrMemory || !p.grant(grantChunk) {
				return err
			}
		}
	}
	if parts&windowTables != 0 {
		if err := m(p.tables, tablesAccess); err != nil {
			return err
		}
	}
	if parts&windowImage != 0 {
		if err := m(p.image, ipc.Read); err != nil {
			return err
		}
	}
	if parts&windowData != 0 {
		for _, a := range p.data {
			if err := m(a, ipc.Read|ipc.Write); err != nil {
				return err
			}
		}
	}
	return nil
}

// carver cuts zeroed arrays out of the tables area, front to back.
type carver struct {
	window    *table.Window
	next, end uint64
}

// carve cuts an array of n Ts, page-aligned so that it can be published. T has no pointers:
// the garbage collector does not look there.
func carve[T any](c *carver, n int) ([]T, uint64, error) {
	var t T
	size := (uint64(n)*uint64(unsafe.Sizeof(t)) + table.PageSize - 1) &^ (table.PageSize - 1)
	if size > c.end-c.next {
		return nil, 0, fmt.Errorf("pager: the tables area is too small")
	}
	phys := c.next
	s := unsafe.Slice((*T)(c.window.At(phys, size)), n)
	clear(s)
	c.next += size
	return s, phys, nil
}

func clamp(n, low, high uint64) int { return int(min(max(n, low), high)) }

// Bounds of the arrays.
const (
	maxSpaces      = 3072 // each takes a slot of the pager's capability table
	maxObjects     = table.MaxRecords / 2
	maxRegions     = 1 << 18
	regionsPerTask = 65530 // as Linux's vm.max_map_count
)

// layOut carves all arrays, publishes the header and puts every frame on the free list.
func (p *Pager) layOut() error {
	var frames uint64
	low, high := p.data[0].base, p.data[0].end
	for _, a := range p.data {
		frames += (a.end - a.base) >> table.PageShift
		low, high = min(low, a.base), max(high, a.end)
	}
	c := &carver{&p.window, p.tables.base, p.tables.end}
	var err error
	one := func(e error) {
		if err == nil {
			err = e
		}
	}
	header, phys, e := carve[table.Header](c, 1)
	one(e)
	p.headerPhys = phys
	var spaces, objects uint64
	p.spaceRecords, spaces, e = carve[table.SpaceRecord](c, clamp(frames/16, 32, maxSpaces))
	one(e)
	p.objectRecords, objects, e = carve[table.ObjectRecord](c, clamp(frames/2, 256, maxObjects))
	one(e)
	p.spaces, _, e = carve[space](c, len(p.spaceRecords))
	one(e)
	p.objects, _, e = carve[object](c, len(p.objectRecords))
	one(e)
	p.freeSpaces.next, _, e = carve[uint32](c, len(p.spaceRecords))
	one(e)
	p.freeObjects.next, _, e = carve[uint32](c, len(p.objectRecords))
	one(e)
	p.regions, _, e = carve[region](c, clamp(frames/4+1024, 1024, maxRegions))
	one(e)
	p.frames, _, e = carve[frame](c, int((high-low)>>table.PageShift))
	one(e)
	p.nodes, _, e = carve[node](c, int((c.end-min(c.next, c.end))>>table.PageShift))
	one(e)
	if err != nil {
		return err
	}
	p.frameLow = low
	for i := len(p.data) - 1; i >= 0; i-- {
		for a := p.data[i].end; a > p.data[i].base; {
			a -= table.PageSize
			p.releaseFrame(a)
		}
	}
	p.nodeBase = c.next
	p.nodes = p.nodes[:(c.end-c.next)>>table.PageShift]
	if len(p.nodes) < 16 {
		return fmt.Errorf("pager: the tables area is too small")
	}
	p.nodesFree = uint64(len(p.nodes))
	p.nodeMemory = p.window.At(p.nodeBase, uint64(len(p.nodes))<<table.PageShift)
	p.frameReserve = min(1024, frames/32)
	p.nodeReserve = min(128, uint64(len(p.nodes))/16)
	p.layOutLists()

	p.header = &header[0]
	*p.header = table.Header{
		Magic: table.Magic, Version: table.Version,
		FramesTotal: frames, FramesFree: p.framesFree,
		TablesTotal: (p.tables.end - p.tables.base) >> table.PageShift, TablesFree: p.nodesFree,
		GrantsTotal: p.grantsLeft, GrantsFree: p.grantsLeft,
		Spaces: spaces, SpacesCount: uint64(len(p.spaceRecords)),
		Objects: objects, ObjectsCount: uint64(len(p.objectRecords)),
		Image: p.image.base, ImagePages: (p.image.end - p.image.base) >> table.PageShift,
		RegionsTotal: uint64(len(p.regions) - 1), RegionsFree: p.regionsFree,
		Reserve: p.frameReserve,
	}
	return nil
}

// freeList is a queue of indexes: the one freed first is used first, so that a
// generation comes back as late as possible.
type freeList struct {
	next       []uint32 // index + 1 of the one behind, 0 ends
	head, tail uint32   // index + 1
}

func (l *freeList) push(i uint32) {
	l.next[i] = 0
	if l.head == 0 {
		l.head = i + 1
	} else {
		l.next[l.tail-1] = i + 1
	}
	l.tail = i + 1
}

func (l *freeList) pop() (i uint32, ok bool) {
	if l.head == 0 {
		return 0, false
	}
	i = l.head - 1
	l.head = l.next[i]
	return i, true
}

// nextGeneration skips 0, which is no generation.
func nextGeneration(g uint32) uint32 {
	if g++; g == table.Generations {
		return 1
	}
	return g
}

// layOutLists puts the unused spaces, objects and regions on their free lists.
// Index 0 of regions is "none"; spaces and objects start at generation 1.
func (p *Pager) layOutLists() {
	for i := range p.spaces {
		p.spaces[i].generation = 1
		p.freeSpaces.push(uint32(i))
	}
	for i := range p.objects {
		p.objects[i].generation = 1
		p.freeObjects.push(uint32(i))
	}
	for i := len(p.regions) - 1; i > 0; i-- {
		p.freeRegion(uint32(i))
	}
}
