package table

import "unsafe"

// Window is physical memory as the holder sees it: the byte at physical
// address p, Low <= p < Low+Size, is at Base + (p - Low).
type Window struct {
	base unsafe.Pointer
	low  uint64
	size uint64
}

// Page is the bytes of a frame.
type Page = [PageSize]byte

// NewWindow is the window of size bytes at base that shows physical memory from
// low on. All three are page-aligned, and size is at least one page.
func NewWindow(base unsafe.Pointer, low, size uint64) Window {
	return Window{base, low, size}
}

// Base is the address of the byte at physical address Low.
func (w *Window) Base() unsafe.Pointer { return w.base }

// Low is the lowest physical address the window shows.
func (w *Window) Low() uint64 { return w.low }

// Size is the length of the window in bytes.
func (w *Window) Size() uint64 { return w.size }

// Page returns the frame at physical address phys, nil if the window does not
// show it.
func (w *Window) Page(phys uint64) *Page {
	off := phys - w.low
	// A page-aligned offset below the page-aligned size leaves room for the page.
	if off >= w.size || off%PageSize != 0 {
		return nil
	}
	return (*Page)(unsafe.Add(w.base, off))
}

// Frame returns the frame of an entry, nil if the window does not show it.
func (w *Window) Frame(e Entry) *Page {
	off := e.Frame() - w.low // both are page-aligned
	if off >= w.size {
		return nil
	}
	return (*Page)(unsafe.Add(w.base, off))
}

// Node returns the table node at physical address phys, nil if the window does
// not show it. No node is at address 0, so an empty entry finds nil.
func (w *Window) Node(phys uint64) *Node {
	off := phys - w.low
	if off >= w.size || off%PageSize != 0 || phys == 0 {
		return nil
	}
	return (*Node)(unsafe.Add(w.base, off))
}

// At returns a pointer to size bytes at physical address phys, nil if the
// window does not show all of them.
func (w *Window) At(phys, size uint64) unsafe.Pointer {
	off := phys - w.low
	if off >= w.size || size > w.size-off {
		return nil
	}
	return unsafe.Add(w.base, off)
}
