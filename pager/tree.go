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

// walk visits what a tree has in [page, end), in order, either entry by entry:
//
//	for s := w.first(); s != nil; s = w.next() { ... w.page ... }
//
// or leaf by leaf, where every instruction counts:
//
//	for w.nextLeaf() { for k := w.low; k < w.high; k++ { ... w.leaf[k] ... page w.base+k } }
//
// Entries may be changed or zeroed on the way, nodes may not be freed.
type walk struct {
	p         *Pager
	t         tree
	page      uint64 // of the entry that next returned
	at, end   uint64 // where the next leaf is looked for
	leaf      *table.Node
	base      uint64 // page of leaf[0]
	low, high uint64 // entries of leaf that are in the range
}

func (p *Pager) walk(t tree, from, end uint64) walk {
	return walk{p: p, t: t, at: from, end: min(end, 1<<(t.levels*levelBits))}
}

// nextLeaf moves to the next node of entries. A tree without nodes has none.
func (w *walk) nextLeaf() bool {
	for w.at < w.end && w.t.levels > 0 {
		if w.descend() {
			w.base = w.at &^ (table.NodeEntries - 1)
			w.low, w.high = w.at-w.base, min(w.end-w.base, table.NodeEntries)
			w.at = w.base + table.NodeEntries
			return true
		}
	}
	return false
}

func (w *walk) first() *table.Entry {
	if w.t.levels == 0 {
		if w.at < w.end && *w.t.root != 0 {
			w.page, w.at = w.at, w.end
			return (*table.Entry)(unsafe.Pointer(w.t.root))
		}
		return nil
	}
	return w.next()
}

func (w *walk) next() *table.Entry {
	// A tree without nodes has one entry, which first returned.
	for w.low < w.high || w.nextLeaf() {
		for w.low < w.high {
			k := w.low
			w.low++
			if e := &w.leaf[k%table.NodeEntries]; *e != 0 {
				w.page = w.base + k
				return e
			}
		}
	}
	return nil
}

// descend finds the leaf of w.at or the next there is, or moves w.at to where
// the search has to begin anew.
func (w *walk) descend() bool {
	e := table.Entry(*w.t.root)
	if e == 0 {
		w.at = w.end
		return false
	}
	for shift := (w.t.levels - 1) * levelBits; shift > 0; shift -= levelBits {
		n := w.p.nodeAt(e)
		i := w.at >> shift % table.NodeEntries
		if e = n[i]; e == 0 {
			above := w.at >> (shift + levelBits)
			for i++; i < table.NodeEntries && n[i] == 0; i++ {
			}
			if i == table.NodeEntries {
				w.at = (above + 1) << (shift + levelBits)
				return false
			}
			w.at = (above<<levelBits | i) << shift
			e = n[i]
		}
	}
	if w.at >= w.end {
		return false
	}
	w.leaf = w.p.nodeAt(e)
	return true
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
