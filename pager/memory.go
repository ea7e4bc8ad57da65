package pager

import (
	"fmt"
	"unsafe"

	"starling/ipc"
	"starling/pager/table"
)

// maxAreas bounds the memory capabilities of data and of tables.
const maxAreas = 128

// area is one memory capability whose frames may be mapped.
type area struct {
	handle    ipc.Handle
	base, end uint64 // physical, in bytes
}

// Shares of all memory, in parts of 64. What is neither data nor tables at the start is
// undecided (growth.go).
const (
	dataShare   = 16 // data at the start
	growShare   = 4  // more data at a time
	tablesShare = 1  // nodes at the start, and more of them at a time
	keepTables  = 5  // of what is undecided, data leaves tables so much in all
	keepKernel  = 5  // and the kernel so much
)

// minPages is the least memory a pager starts with.
const minPages = 512

// firstGrant is how many pages the kernel gets at once before the window is mapped.
const firstGrant = 64

// takeMemory looks at what root gave and decides what it becomes.
func (p *Pager) takeMemory(cfg *Config) error {
	if len(cfg.Memory) == 0 || len(cfg.Memory) > maxAreas/2 {
		return fmt.Errorf("pager: %d memory capabilities, not 1 to %d", len(cfg.Memory), maxAreas/2)
	}
	areas := make([]area, 0, len(cfg.Memory))
	big := 0
	for i, h := range cfg.Memory {
		a, err := p.areaOf(h)
		if err != nil {
			return err
		}
		areas = append(areas, a)
		p.total += a.pages()
		if a.pages() > areas[big].pages() {
			big = i
		}
	}
	if p.total < minPages || areas[big].pages() < p.total/2 {
		return fmt.Errorf("pager: %d pages of memory are too few, or in too many pieces", p.total)
	}
	p.low, p.high = areas[0].base, areas[0].end
	for i, a := range areas {
		p.low, p.high = min(p.low, a.base), max(p.high, a.end)
		if i != big {
			p.data = append(p.data, a)
		}
	}
	p.spare = areas[big]
	p.keep = p.total * (keepTables + keepKernel) / 64
	if !p.grant(firstGrant) {
		return fmt.Errorf("pager: the kernel takes no memory")
	}
	var err error
	if cfg.Image != 0 {
		if p.image, err = p.areaOf(cfg.Image); err != nil {
			return err
		}
	}
	data, ok := p.cutData(p.total * dataShare / 64)
	if !ok {
		return fmt.Errorf("pager: no memory for data")
	}
	p.data = append(p.data, data)
	tables, ok := p.cut(p.arrayPages() + max(p.total*tablesShare/64, 32))
	if !ok {
		return fmt.Errorf("pager: no memory for tables")
	}
	p.tables = append(p.tables, tables)
	if cfg.Own != 0 {
		p.own = cfg.Own
		if err := p.mapWindow(cfg.Own, ipc.Read|ipc.Write, windowData|windowTables|windowImage); err != nil {
			return fmt.Errorf("pager: map the window: %w", err)
		}
	}
	for _, a := range append(areas, p.image) {
		if a.end > a.base && p.window.At(a.base, a.end-a.base) == nil {
			return fmt.Errorf("pager: the window does not show [%#x, %#x)", a.base, a.end)
		}
	}
	return nil
}

func (a area) pages() uint64 { return (a.end - a.base) >> table.PageShift }

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
func (p *Pager) mapWindow(space ipc.Handle, tablesAccess ipc.Access, parts uint8) error {
	if parts&windowTables != 0 {
		for _, a := range p.tables {
			if err := p.show(space, a, tablesAccess); err != nil {
				return err
			}
		}
	}
	if parts&windowImage != 0 && p.image.end > p.image.base {
		if err := p.show(space, p.image, ipc.Read); err != nil {
			return err
		}
	}
	if parts&windowData != 0 {
		for _, a := range p.data {
			if err := p.show(space, a, ipc.Read|ipc.Write); err != nil {
				return err
			}
		}
	}
	return nil
}

// show maps an area at its place in the window of a space.
func (p *Pager) show(space ipc.Handle, a area, access ipc.Access) error {
	for {
		err := p.t.MapRange(space, p.windowAddress+a.base, a.handle, 0, a.pages(), access)
		if err != ipc.ErrMemory || !p.grant(grantChunk) {
			return err
		}
	}
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

// sizes are the lengths of the arrays.
type sizes struct{ spaces, objects, regions, frames int }

func (p *Pager) sizes() sizes {
	return sizes{
		spaces:  clamp(p.total/16, 32, maxSpaces),
		objects: clamp(p.total*3/8, 256, maxObjects),
		regions: clamp(p.total/5+1024, 1024, maxRegions),
		frames:  int((p.high - p.low) >> table.PageShift),
	}
}

// arrayPages is the room that layOut needs: each array ends with a page of its own.
func (p *Pager) arrayPages() uint64 {
	n := p.sizes()
	bytes := uint64(n.spaces)*uint64(unsafe.Sizeof(table.SpaceRecord{})+unsafe.Sizeof(space{})+4) +
		uint64(n.objects)*uint64(unsafe.Sizeof(table.ObjectRecord{})+unsafe.Sizeof(object{})+4) +
		uint64(n.regions)*uint64(unsafe.Sizeof(region{})) + uint64(n.frames)*uint64(unsafe.Sizeof(frame{}))
	const arrays = 9
	return bytes>>table.PageShift + arrays
}

// layOut carves all arrays, publishes the header and puts every frame on the free list.
func (p *Pager) layOut() error {
	c := &carver{&p.window, p.tables[0].base, p.tables[0].end}
	var err error
	one := func(e error) {
		if err == nil {
			err = e
		}
	}
	n := p.sizes()
	header, phys, e := carve[table.Header](c, 1)
	one(e)
	p.headerPhys = phys
	var spaces, objects uint64
	p.spaceRecords, spaces, e = carve[table.SpaceRecord](c, n.spaces)
	one(e)
	p.objectRecords, objects, e = carve[table.ObjectRecord](c, n.objects)
	one(e)
	p.spaces, _, e = carve[space](c, n.spaces)
	one(e)
	p.objects, _, e = carve[object](c, n.objects)
	one(e)
	p.freeSpaces.next, _, e = carve[uint32](c, n.spaces)
	one(e)
	p.freeObjects.next, _, e = carve[uint32](c, n.objects)
	one(e)
	p.regions, _, e = carve[region](c, n.regions)
	one(e)
	p.frames, _, e = carve[frame](c, n.frames)
	one(e)
	if err != nil {
		return err
	}
	p.recordsLow, p.recordsEnd = p.tables[0].base, c.next
	for _, a := range p.data {
		p.addFrames(a)
	}
	p.addNodes(area{base: c.next, end: c.end})
	p.frameReserve = min(1024, p.total/16)
	p.nodeReserve = min(64, p.nodesTotal/4)
	p.layOutLists()

	p.header = &header[0]
	*p.header = table.Header{
		Magic: table.Magic, Version: table.Version,
		FramesTotal: p.framesTotal + p.spare.pages(), TablesTotal: p.tables[0].pages(), GrantsTotal: p.granted,
		Spaces: spaces, SpacesCount: uint64(len(p.spaceRecords)),
		Objects: objects, ObjectsCount: uint64(len(p.objectRecords)),
		Image: p.image.base, ImagePages: p.image.pages(),
		RegionsTotal: uint64(len(p.regions) - 1),
		Reserve:      p.frameReserve, TablesReserve: p.nodeReserve,
	}
	p.publish()
	return nil
}

// publish writes what changes all the time into the header.
func (p *Pager) publish() {
	h := p.header
	h.FramesUsed = p.framesTotal - p.framesFree
	h.Spare, h.DataLeft = p.spare.pages(), p.forData()
	h.FramesFree = p.framesFree + h.Spare
	h.TablesFree = p.nodesFree
	h.RegionsFree = p.regionsFree
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
