package mm

import (
	"iter"
	"unsafe"

	"starling/arch/isa"
)

// book is the regions of a space in order of addresses: a list, and a treap over it that tells where
// an address is and, because each node knows the largest gap below it, where a mapping fits. Both take
// logarithmic time, as adding and removing do.
type book struct {
	root        *node
	first, last *node
	count       int
	priority    uint32 // drawn last
}

// node is a region in the book. Its Start, End and flag GrowsDown are changed by the book only.
type node struct {
	Region
	left, right, prev, next *node
	priority                uint32
	// gap is how many bytes are free between the region before and this one, largest the most that
	// a node of the subtree has.
	gap, largest uint64
}

// all goes through the regions. None may be added or removed on the way.
func (b *book) all() iter.Seq[*Region] {
	return func(yield func(*Region) bool) {
		for n := b.first; n != nil && yield(&n.Region); n = n.next {
		}
	}
}

// after is the first region that ends above va, nil if none does.
func (b *book) after(va uint64) (found *node) {
	for n := b.root; n != nil; {
		if n.End > va {
			found, n = n, n.left
		} else {
			n = n.right
		}
	}
	return found
}

// before is the last region that starts below va, given what after(va) found.
func (b *book) before(next *node) *node {
	if next == nil {
		return b.last
	}
	return next.prev
}

// add puts a region, which overlaps none, into the book.
func (b *book) add(r Region) *node {
	n := &node{Region: r, priority: b.draw(), next: b.after(r.Start)}
	n.prev = b.before(n.next)
	if n.prev != nil {
		n.prev.next = n
	} else {
		b.first = n
	}
	if n.next != nil {
		n.next.prev = n
	} else {
		b.last = n
	}
	b.count++
	n.measure()
	b.root = insert(b.root, n)
	b.moved(n.next)
	return n
}

// drop takes a region out of the book.
func (b *book) drop(n *node) {
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		b.first = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		b.last = n.prev
	}
	b.count--
	b.root = remove(b.root, n)
	b.moved(n.next)
}

// setStart and setEnd move a border of a region, not over another.
func (b *book) setStart(n *node, va uint64) {
	n.Start = va
	b.moved(n)
}

func (b *book) setEnd(n *node, va uint64) {
	n.End = va
	b.moved(n.next)
}

// moved brings the gap below a region up to date.
func (b *book) moved(n *node) {
	if n != nil {
		n.measure()
		refresh(b.root, n)
	}
}

// draw is a priority that looks random and is the same in every run.
func (b *book) draw() uint32 {
	if b.priority == 0 {
		b.priority = 0x2545f491
	}
	b.priority ^= b.priority << 13
	b.priority ^= b.priority >> 17
	b.priority ^= b.priority << 5
	return b.priority
}

// size is how many bytes a clone takes.
func (b *book) size() uint64 { return uint64(b.count) * uint64(unsafe.Sizeof(node{})) }

// clone is a copy of the book.
func (b *book) clone() book {
	c := cloner{nodes: make([]node, b.count)}
	n := book{root: c.tree(b.root), last: c.last, count: b.count, priority: b.priority}
	if b.count > 0 {
		n.first = &c.nodes[0]
	}
	return n
}

// cloner copies a treap, in order.
type cloner struct {
	nodes []node
	used  int
	last  *node
}

func (c *cloner) tree(t *node) *node {
	if t == nil {
		return nil
	}
	left := c.tree(t.left)
	n := &c.nodes[c.used]
	c.used++
	*n = node{Region: t.Region, left: left, prev: c.last, priority: t.priority, gap: t.gap, largest: t.largest}
	if c.last != nil {
		c.last.next = n
	}
	c.last = n
	n.right = c.tree(t.right)
	return n
}

// measure computes the gap below a region.
func (n *node) measure() {
	low := uint64(isa.MinimumAddress)
	if n.prev != nil {
		low = max(low, n.prev.End)
	}
	n.gap = n.floor() - min(low, n.floor())
}

// pull computes largest.
func (n *node) pull() {
	n.largest = n.gap
	if n.left != nil {
		n.largest = max(n.largest, n.left.largest)
	}
	if n.right != nil {
		n.largest = max(n.largest, n.right.largest)
	}
}

func insert(t, n *node) *node {
	switch {
	case t == nil:
		n.pull()
		return n
	case n.priority > t.priority:
		n.left, n.right = part(t, n.Start)
		n.pull()
		return n
	case n.Start < t.Start:
		t.left = insert(t.left, n)
	default:
		t.right = insert(t.right, n)
	}
	t.pull()
	return t
}

// part divides a tree into what starts below va and the rest.
func part(t *node, va uint64) (low, high *node) {
	if t == nil {
		return nil, nil
	}
	if t.Start < va {
		t.right, high = part(t.right, va)
		t.pull()
		return t, high
	}
	low, t.left = part(t.left, va)
	t.pull()
	return low, t
}

func remove(t, n *node) *node {
	switch {
	case t == n:
		return join(n.left, n.right)
	case n.Start < t.Start:
		t.left = remove(t.left, n)
	default:
		t.right = remove(t.right, n)
	}
	t.pull()
	return t
}

// join makes one tree of two, all of low before all of high.
func join(low, high *node) *node {
	switch {
	case low == nil:
		return high
	case high == nil:
		return low
	case low.priority > high.priority:
		low.right = join(low.right, high)
		low.pull()
		return low
	}
	high.left = join(low, high.left)
	high.pull()
	return high
}

// refresh computes largest on the way to a node whose gap has changed.
func refresh(t, n *node) {
	if t != n {
		if n.Start < t.Start {
			refresh(t.left, n)
		} else {
			refresh(t.right, n)
		}
	}
	t.pull()
}

// highest finds the highest free range of length bytes below top.
func (b *book) highest(top, length uint64) (uint64, bool) {
	n := b.after(top - 1)
	limit := ^uint64(0)
	if n != nil {
		top, limit = min(top, n.floor()), n.Start
	}
	bottom := uint64(isa.MinimumAddress)
	if below := b.before(n); below != nil {
		bottom = max(bottom, below.End)
	}
	if top > bottom && top-bottom >= length {
		return top - length, true
	}
	if n = lastGap(b.root, limit, length); n == nil {
		return 0, false
	}
	return n.floor() - length, true
}

// lastGap is the last region that starts below limit and has a gap of length bytes below it.
func lastGap(t *node, limit, length uint64) *node {
	if t == nil || t.largest < length {
		return nil
	}
	if t.Start < limit {
		if n := lastGap(t.right, limit, length); n != nil {
			return n
		}
		if t.gap >= length {
			return t
		}
	}
	return lastGap(t.left, limit, length)
}

// lowest finds the lowest free range of length bytes in [va, end).
func (b *book) lowest(va, end, length uint64) (uint64, bool) {
	n := b.after(va)
	top := end
	if n != nil {
		top = min(top, n.floor())
	}
	if top > va && top-va >= length {
		return va, true
	}
	if n == nil {
		return 0, false
	}
	at := b.last.End
	if n = firstGap(b.root, n.Start, length); n != nil {
		at = n.prev.End
	}
	return at, at < end && end-at >= length
}

// firstGap is the first region that starts above va and has a gap of length bytes below it.
func firstGap(t *node, va, length uint64) *node {
	if t == nil || t.largest < length {
		return nil
	}
	if t.Start > va {
		if n := firstGap(t.left, va, length); n != nil {
			return n
		}
		if t.gap >= length {
			return t
		}
	}
	return firstGap(t.right, va, length)
}
