package supervisor

import (
	"errors"
	"fmt"
	"sort"
	"unsafe"

	"starling/ipc"
	"starling/pager/table"
)

// pageSize is ipc.PageSize for addresses.
const pageSize uint64 = ipc.PageSize

func pagesOf(bytes uint64) uint64 { return (bytes + pageSize - 1) / pageSize }

// piece is memory of one kind with the capability to it.
type piece struct {
	handle ipc.Handle
	base   uint64 // physical, bytes
	pages  uint64
}

// kernelGrantPages is how much more memory the kernel gets when it runs out.
const kernelGrantPages = 128

// memory divides what the kernel left free. Nothing in ranges was ever mapped.
type memory struct {
	t      ipc.Transport
	space  ipc.Handle // root's own
	window table.Window
	ranges []piece // the largest first
}

func newMemory(t ipc.Transport, space ipc.Handle, w table.Window, ranges []piece) *memory {
	m := &memory{t: t, space: space, window: w, ranges: ranges}
	sort.Slice(m.ranges, func(i, j int) bool { return m.ranges[i].pages > m.ranges[j].pages })
	return m
}

// free is the number of pages in all ranges.
func (m *memory) free() (pages uint64) {
	for _, r := range m.ranges {
		pages += r.pages
	}
	return pages
}

// retry runs a kernel call, giving the kernel more memory as often as it has
// none left.
func (m *memory) retry(call func() error) error {
	for {
		err := call()
		if !errors.Is(err, ipc.ErrMemory) {
			return err
		}
		if grant := m.grantKernel(); grant != nil {
			return fmt.Errorf("%w; %v", err, grant)
		}
	}
}

// grantKernel gives the kernel pages for its own use.
func (m *memory) grantKernel() error {
	for i := range m.ranges {
		r := &m.ranges[i]
		if r.pages <= kernelGrantPages {
			continue
		}
		if err := m.t.MemoryGrant(r.handle, kernelGrantPages); err != nil {
			return fmt.Errorf("granting memory to the kernel: %w", err)
		}
		r.pages -= kernelGrantPages
		return nil
	}
	return errors.New("no memory left to grant the kernel")
}

// take splits off a piece of the first range that has enough.
func (m *memory) take(pages uint64) (piece, error) {
	for i := range m.ranges {
		// A range keeps its capability, so never all of it.
		if r := &m.ranges[i]; r.pages > pages {
			return m.takeFrom(r, pages)
		}
	}
	return piece{}, fmt.Errorf("%d pages wanted, the largest free range is smaller: give the machine more memory", pages)
}

// takeFrom splits a piece off the end of a range.
func (m *memory) takeFrom(r *piece, pages uint64) (p piece, err error) {
	err = m.retry(func() (err error) {
		p.handle, err = m.t.MemorySplit(r.handle, pages)
		return err
	})
	if err != nil {
		return piece{}, fmt.Errorf("splitting off %d pages: %w", pages, err)
	}
	r.pages -= pages
	p.base, p.pages, err = m.t.MemoryInfo(p.handle)
	return p, err
}

// show maps a piece into root's own window and returns its bytes.
func (m *memory) show(p piece, access ipc.Access) ([]byte, error) {
	err := m.mapRange(m.space, ipc.WindowAddress+p.base, p, 0, p.pages, access)
	if err != nil {
		return nil, fmt.Errorf("mapping memory at %#x: %w", p.base, err)
	}
	at := m.window.At(p.base, p.pages*pageSize)
	if at == nil {
		return nil, fmt.Errorf("memory at %#x is outside of the window", p.base)
	}
	return unsafe.Slice((*byte)(at), p.pages*pageSize), nil
}

// mapRange maps pages of a piece into any space. An empty range is fine.
func (m *memory) mapRange(space ipc.Handle, va uint64, p piece, page, pages uint64, access ipc.Access) error {
	if pages == 0 {
		return nil
	}
	return m.retry(func() error { return m.t.MapRange(space, va, p.handle, page*pageSize, pages, access) })
}
