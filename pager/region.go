package pager

import "starling/ipc"

// region is a range of pages of a space that is mapped the same way. Numbers are
// page numbers. Regions of a space are in a treap by start, and linked in order.
type region struct {
	start, end uint64
	offset     uint64 // page of the object at start
	object     uint32 // index + 1; 0: anonymous
	space      uint32
	// left and right are the children, next and prev the neighbours in order.
	left, right, next, prev uint32
	// objectNext and objectPrev link the regions that map one object.
	objectNext, objectPrev uint32
	priority               uint32
	access                 ipc.Access // with Read if anything is allowed
	flags                  regionFlags
}

type regionFlags uint8

const (
	regionShared regionFlags = 1 << iota
	regionNoFork
	regionCopyAhead
	// regionCopied: of a private region of an object, pages have been copied.
	regionCopied
)

// normal is the access the hardware gives: what may be written or executed may be read.
func normal(a ipc.Access) ipc.Access {
	if a&(ipc.Write|ipc.Execute) != 0 {
		a |= ipc.Read
	}
	return a & (ipc.Read | ipc.Write | ipc.Execute)
}

func (p *Pager) freeRegion(i uint32) {
	p.regions[i] = region{next: p.freeRegions}
	p.freeRegions = i
	p.regionsFree++
}

// takeRegion takes an unused region, with a priority that looks random and is the same
// in every run.
func (p *Pager) takeRegion() uint32 {
	i := p.freeRegions
	p.freeRegions = p.regions[i].next
	p.regionsFree--
	p.priority ^= p.priority << 13
	p.priority ^= p.priority >> 17
	p.priority ^= p.priority << 5
	p.regions[i] = region{priority: p.priority}
	return i
}

// find returns the region that holds page, 0 if none does.
func (p *Pager) find(s *space, page uint64) uint32 {
	for i := s.top; i != 0; {
		r := &p.regions[i]
		switch {
		case page < r.start:
			i = r.left
		case page >= r.end:
			i = r.right
		default:
			return i
		}
	}
	return 0
}

// findFrom returns the first region that ends after page, 0 if none does.
func (p *Pager) findFrom(s *space, page uint64) uint32 {
	best := uint32(0)
	for i := s.top; i != 0; {
		r := &p.regions[i]
		if r.end > page {
			best = i
			i = r.left
		} else {
			i = r.right
		}
	}
	return best
}

// addRegion links region i, which overlaps none, into its space and its object.
func (p *Pager) addRegion(i uint32) {
	r := &p.regions[i]
	s := &p.spaces[r.space]
	next := p.findFrom(s, r.start)
	prev := s.lastRegion
	if next != 0 {
		prev = p.regions[next].prev
		p.regions[next].prev = i
	} else {
		s.lastRegion = i
	}
	if prev != 0 {
		p.regions[prev].next = i
	} else {
		s.firstRegion = i
	}
	r.next, r.prev = next, prev
	s.top = p.treapInsert(s.top, i)
	rec := &p.spaceRecords[r.space]
	rec.Regions++
	rec.Virtual += r.end - r.start
	if r.object != 0 {
		p.linkObject(i)
	}
}

// removeRegion unlinks region i and frees it.
func (p *Pager) removeRegion(i uint32) {
	r := &p.regions[i]
	s := &p.spaces[r.space]
	if r.prev != 0 {
		p.regions[r.prev].next = r.next
	} else {
		s.firstRegion = r.next
	}
	if r.next != 0 {
		p.regions[r.next].prev = r.prev
	} else {
		s.lastRegion = r.prev
	}
	s.top = p.treapRemove(s.top, i)
	if s.hit == i {
		s.hit = 0
	}
	rec := &p.spaceRecords[r.space]
	rec.Regions--
	rec.Virtual -= r.end - r.start
	if r.object != 0 {
		p.unlinkObject(i)
	}
	p.freeRegion(i)
}

func (p *Pager) treapInsert(top, i uint32) uint32 {
	if top == 0 {
		return i
	}
	t, r := &p.regions[top], &p.regions[i]
	if r.priority > t.priority {
		r.left, r.right = p.treapSplit(top, r.start)
		return i
	}
	if r.start < t.start {
		t.left = p.treapInsert(t.left, i)
	} else {
		t.right = p.treapInsert(t.right, i)
	}
	return top
}

// treapSplit parts a tree into what starts before page and the rest.
func (p *Pager) treapSplit(top uint32, page uint64) (left, right uint32) {
	if top == 0 {
		return 0, 0
	}
	t := &p.regions[top]
	if t.start < page {
		t.right, right = p.treapSplit(t.right, page)
		return top, right
	}
	left, t.left = p.treapSplit(t.left, page)
	return left, top
}

func (p *Pager) treapRemove(top, i uint32) uint32 {
	t, r := &p.regions[top], &p.regions[i]
	switch {
	case top == i:
		return p.treapMerge(r.left, r.right)
	case r.start < t.start:
		t.left = p.treapRemove(t.left, i)
	default:
		t.right = p.treapRemove(t.right, i)
	}
	return top
}

// treapMerge joins two trees, all of left before all of right.
func (p *Pager) treapMerge(left, right uint32) uint32 {
	if left == 0 {
		return right
	}
	if right == 0 {
		return left
	}
	l, r := &p.regions[left], &p.regions[right]
	if l.priority > r.priority {
		l.right = p.treapMerge(l.right, right)
		return left
	}
	r.left = p.treapMerge(left, r.left)
	return right
}

// splitAt makes page a border between regions, if it is inside of one. False
// when no region is left.
func (p *Pager) splitAt(s *space, page uint64) bool {
	i := p.find(s, page)
	if i == 0 || p.regions[i].start == page {
		return true
	}
	if !p.roomForRegions(s, 1) {
		return false
	}
	j := p.takeRegion()
	r, n := &p.regions[i], &p.regions[j]
	n.start, n.end = page, r.end
	n.object, n.offset = r.object, r.offset+(page-r.start)
	n.space, n.access, n.flags = r.space, r.access, r.flags
	p.spaceRecords[r.space].Virtual -= r.end - page
	r.end = page
	p.addRegion(j)
	return true
}

// roomForRegions says whether the space may have n regions more.
func (p *Pager) roomForRegions(s *space, n uint64) bool {
	return p.regionsFree >= n && p.spaceRecords[p.spaceIndex(s)].Regions+n <= min(regionsPerTask, uint64(len(p.regions)/2))
}

// mergeAround joins region i with its neighbours where they are mapped as one.
func (p *Pager) mergeAround(i uint32) {
	if prev := p.regions[i].prev; prev != 0 && p.joins(prev, i) {
		p.join(prev, i)
		i = prev
	}
	if next := p.regions[i].next; next != 0 && p.joins(i, next) {
		p.join(i, next)
	}
}

// mergeRange joins all neighbours in [from, end) and at its borders.
func (p *Pager) mergeRange(s *space, from, end uint64) {
	i := p.findFrom(s, from)
	if i == 0 {
		return
	}
	if prev := p.regions[i].prev; prev != 0 {
		i = prev
	}
	for {
		next := p.regions[i].next
		if next == 0 || p.regions[i].start >= end {
			return
		}
		if p.joins(i, next) {
			p.join(i, next)
		} else {
			i = next
		}
	}
}

func (p *Pager) joins(i, j uint32) bool {
	a, b := &p.regions[i], &p.regions[j]
	return a.end == b.start && a.object == b.object && a.access == b.access && (a.flags^b.flags)&^regionCopied == 0 &&
		(a.object == 0 || a.offset+(a.end-a.start) == b.offset)
}

// join makes i the union of i and its successor j.
func (p *Pager) join(i, j uint32) {
	r := &p.regions[i]
	end := p.regions[j].end
	r.flags |= p.regions[j].flags
	p.spaceRecords[r.space].Virtual += end - p.regions[j].start
	p.removeRegion(j)
	r.end = end
}
