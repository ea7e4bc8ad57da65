package pager

import (
	"unsafe"

	"starling/pager/table"
)

const levelBits = 9

// tree is one published radix tree: the fields of its record.
type tree struct {
	root   *uint64
	levels uint32
}

// slot finds the place of a page's entry, nil if its node does not exist.
func (p *Pager) slot(t tree, index uint64) *table.Entry {
	s := (*table.Entry)(unsafe.Pointer(t.root))
	if index>>(t.levels*levelBits) != 0 {
		return nil
	}
	for l := t.levels; l > 0; {
		if *s == 0 {
			return nil
		}
		l--
		s = &p.nodeAt(*s)[index>>(l*levelBits)%table.NodeEntries]
	}
	return s
}

// slotMake finds the place of a page's entry and makes the nodes on the way; nil
// when there is none left, or the index is past the tree.
func (p *Pager) slotMake(t tree, index uint64, privileged bool) *table.Entry {
	s := (*table.Entry)(unsafe.Pointer(t.root))
	if index>>(t.levels*levelBits) != 0 {
		return nil
	}
	for l := t.levels; l > 0; {
		if *s == 0 {
			n, ok := p.takeNode(privileged)
			if !ok {
				p.prune(t, index, index+1)
				return nil
			}
			p.put(s, n)
		}
		l--
		s = &p.nodeAt(*s)[index>>(l*levelBits)%table.NodeEntries]
	}
	return s
}

// walk visits the entries of [page, end) that are not 0, in order:
//
//	for s := w.first(); s != nil; s = w.next() { ... w.page ... }
//
// The entry under the cursor may be changed or zeroed, nodes may not be freed.
type walk struct {
	p         *Pager
	t         tree
	page, end uint64
	leaf      *table.Node
}

func (p *Pager) walk(t tree, from, end uint64) walk {
	return walk{p: p, t: t, page: from, end: min(end, 1<<(t.levels*levelBits))}
}

func (w *walk) first() *table.Entry { return w.find() }

func (w *walk) next() *table.Entry {
	w.page++
	if w.page%table.NodeEntries == 0 {
		w.leaf = nil
	}
	return w.find()
}

func (w *walk) find() *table.Entry {
	if w.t.levels == 0 {
		if w.page < w.end && *w.t.root != 0 {
			return (*table.Entry)(unsafe.Pointer(w.t.root))
		}
		return nil
	}
	for w.page < w.end {
		if w.leaf == nil && !w.descend() {
			continue
		}
		stop := min(w.end, w.page|(table.NodeEntries-1)+1)
		for ; w.page < stop; w.page++ {
			if e := &w.leaf[w.page%table.NodeEntries]; *e != 0 {
				return e
			}
		}
		w.leaf = nil
	}
	return nil
}

// descend finds the leaf of w.page, or moves w.page past what is empty.
func (w *walk) descend() bool {
	e := table.Entry(*w.t.root)
	for l := w.t.levels; ; {
		if e == 0 {
			w.page = (w.page>>(l*levelBits) + 1) << (l * levelBits)
			return false
		}
		n := w.p.nodeAt(e)
		if l--; l == 0 {
			w.leaf = n
			return true
		}
		e = n[w.page>>(l*levelBits)%table.NodeEntries]
	}
}

// prune frees the nodes on the paths to [from, end) that have no entry left.
func (p *Pager) prune(t tree, from, end uint64) {
	if t.levels > 0 && from < end {
		p.pruneSlot((*table.Entry)(unsafe.Pointer(t.root)), t.levels, from, min(end, 1<<(t.levels*levelBits))-1)
	}
}

// pruneSlot prunes below slot, which covers 2^(9 levels) pages; first and last
// are page numbers inside of it.
func (p *Pager) pruneSlot(slot *table.Entry, levels uint32, first, last uint64) {
	e := *slot
	if e == 0 {
		return
	}
	if levels > 1 && p.live(e) > 0 {
		n, shift := p.nodeAt(e), (levels-1)*levelBits
		i, j := first>>shift%table.NodeEntries, last>>shift%table.NodeEntries
		for k := i; k <= j; k++ {
			f, l := uint64(0), uint64(1)<<shift-1
			if k == i {
				f = first & l
			}
			if k == j {
				l = last & l
			}
			p.pruneSlot(&n[k], levels-1, f, l)
		}
	}
	if p.live(e) == 0 {
		p.put(slot, 0)
		p.freeNodeAt(e)
	}
}

// grow makes an object's tree high enough for index. False when no node is left.
func (p *Pager) grow(r *table.ObjectRecord, index uint64) bool {
	for index>>(r.Levels*levelBits) != 0 {
		if r.Levels == table.SpaceLevels {
			return false
		}
		if r.Root != 0 {
			n, ok := p.takeNode(false)
			if !ok {
				return false
			}
			p.put(&p.nodeAt(n)[0], table.Entry(r.Root))
			r.Root = uint64(n)
		}
		r.Levels++
	}
	return true
}
