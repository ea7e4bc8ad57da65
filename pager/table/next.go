package table

// NextObject finds the first page of an object at or after index that has a
// frame. Empty subtrees are skipped, so that the cost depends on what is there and
// not on how far it is.
func NextObject(w *Window, o *ObjectRecord, index uint64) (uint64, bool) {
	if index < o.ExtentPages {
		return index, true
	}
	if o.Root == 0 || o.Levels > SpaceLevels {
		return 0, false
	}
	return nextPage(w, Entry(o.Root), o.Levels, 0, index)
}

// nextPage searches the subtree of height levels under e, whose first page is base.
func nextPage(w *Window, e Entry, levels uint32, base, index uint64) (uint64, bool) {
	if e == 0 {
		return 0, false
	}
	if levels == 0 {
		return base, base >= index
	}
	levels--
	n := w.Node(e.Frame())
	if n == nil {
		return 0, false
	}
	span := uint64(1) << (levels * nodeBits)
	first := uint64(0)
	if index > base {
		first = (index - base) / span
	}
	for i := first; i < NodeEntries; i++ {
		if n[i] == 0 {
			continue
		}
		if at, ok := nextPage(w, n[i], levels, base+i*span, index); ok {
			return at, true
		}
	}
	return 0, false
}

// NextSpace finds the first page of a space at or after page that has an entry.
func NextSpace(w *Window, root, page uint64) (uint64, bool) {
	return nextPage(w, Entry(root), SpaceLevels, 0, page)
}
