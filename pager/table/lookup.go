package table

// Leaf finds the node with the entries of the NodeEntries pages of a space that page is
// one of, nil if there is none.
func Leaf(w *Window, root, page uint64) *Node {
	if page >= MaxPages {
		return nil
	}
	n := w.Node(Entry(root).Frame())
	if n == nil {
		return nil
	}
	if n = w.Node(n[page>>(3*nodeBits)%NodeEntries].Frame()); n == nil {
		return nil
	}
	if n = w.Node(n[page>>(2*nodeBits)%NodeEntries].Frame()); n == nil {
		return nil
	}
	return w.Node(n[page>>nodeBits%NodeEntries].Frame())
}

// Lookup finds the entry of a page of a space, 0 if there is none.
func Lookup(w *Window, root, page uint64) Entry {
	n := Leaf(w, root, page)
	if n == nil {
		return 0
	}
	return n[page%NodeEntries]
}

// LookupObject finds the entry of a page of an object, 0 for a hole.
func LookupObject(w *Window, o *ObjectRecord, index uint64) Entry {
	if e := lookupTree(w, o.Root, o.Levels, index); e != 0 {
		return e
	}
	if index < o.ExtentPages {
		return FrameEntry(o.Extent+index<<PageShift, Read|Image)
	}
	return 0
}

// lookupTree walks a tree of any height. A root of 0 or a level count that no
// pager writes finds nothing.
func lookupTree(w *Window, root uint64, levels uint32, index uint64) Entry {
	if root == 0 || levels > SpaceLevels || index>>(levels*nodeBits) != 0 {
		return 0
	}
	e := Entry(root)
	for levels > 0 {
		levels--
		n := w.Node(e.Frame())
		if n == nil {
			return 0
		}
		if e = n[index>>(levels*nodeBits)%NodeEntries]; e == 0 {
			return 0
		}
	}
	return e
}
