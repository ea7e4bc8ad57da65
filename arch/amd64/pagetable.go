package amd64

import "unsafe"

// PageSize and LargeSize are the page sizes of mappings, in bytes.
const (
	PageSize  = 4096
	LargeSize = 2 << 20
)

// UserLimit is the end of the addresses that ring 3 may use: the last page of
// the lower half stays free, so that the address after a SYSCALL is canonical.
const UserLimit = 0x0000_7fff_ffff_f000

// Page-table entry bits, SDM 3A 4.5.4.
const (
	present    = 1 << 0
	writable   = 1 << 1
	user       = 1 << 2
	uncached   = 1<<3 | 1<<4 // PWT and PCD: UC whatever the MTRR says, with PAT as at reset
	accessed   = 1 << 5
	dirty      = 1 << 6
	large      = 1 << 7
	noExecute  = 1 << 63
	frameMask  = 0x000f_ffff_ffff_f000
	entries    = 512
	kernelHalf = entries / 2
	levelBits  = 9
)

// The direct map of physical memory, made by the boot stub. Kept as pointer so that
// pointers into it are derived from a pointer.
const directMapAddress = 0xffff_8000_0000_0000

var directMap = func() unsafe.Pointer {
	a := uintptr(directMapAddress)
	return *(*unsafe.Pointer)(unsafe.Pointer(&a))
}()

// deviceMemory is where the direct map becomes uncached: its last GiB.
const deviceMemory = 3 << 30

// Physical returns the address in the direct map of a physical address.
func Physical(a uint64) unsafe.Pointer { return unsafe.Add(directMap, a) }

// Address is the physical address of a pointer into the direct map.
func Address(p unsafe.Pointer) uint64 { return uint64(uintptr(p) - uintptr(directMap)) }

type table [entries]uint64

func tableAt(a uint64) *table { return (*table)(Physical(a & frameMask)) }

// Pages is where page tables get their pages from: physical addresses. TakePage
// returns zeroed pages, 0 when there is none.
type Pages interface {
	TakePage() uint64
	GivePage(uint64)
}

// Rights of a mapping. Reading is always allowed.
type Rights struct{ Write, Execute, Device bool }

func (r Rights) bits() uint64 {
	b := uint64(present | user | accessed | dirty | noExecute) // set here, they cost the processor nothing later
	if r.Write {
		b |= writable
	}
	if r.Execute {
		b &^= noExecute
	}
	if r.Device {
		b |= uncached
	}
	return b
}

// Result is how a change of page tables ended.
type Result uint8

const (
	Done     Result = iota
	NoMemory        // nothing was changed from the failing page on
	IsLarge         // a large page lies there
)

// kernelRoot holds the kernel's half, the same in every space.
var kernelRoot uint64

// PageTable is an address space.
type PageTable struct{ root uint64 }

// NewPageTable makes an empty space; ok is false when there is no page.
func NewPageTable(from Pages) (p PageTable, ok bool) {
	root := from.TakePage()
	if root == 0 {
		return PageTable{}, false
	}
	copy(tableAt(root)[kernelHalf:], tableAt(kernelRoot)[kernelHalf:])
	return PageTable{root}, true
}

// level returns the table of a level (1: its entries map pages, 2: large pages)
// that covers va, making the ones on the way if from is not nil.
func (p PageTable) level(va uint64, level int, from Pages) (*table, Result) {
	t := tableAt(p.root)
	for l := 4; l > level; l-- {
		e := &t[va>>(12+levelBits*(l-1))%entries]
		if *e&present == 0 {
			if from == nil {
				return nil, Done
			}
			page := from.TakePage()
			if page == 0 {
				return nil, NoMemory
			}
			*e = page | present | writable | user | accessed
		} else if *e&large != 0 {
			return nil, IsLarge
		}
		t = tableAt(*e)
	}
	return t, Done
}

// loaded is true while the space is the processor's current one, so that
// changes must be told to the TLB. Other spaces are read afresh when loaded.
func (p PageTable) loaded() bool { return p.root == processor.root }

// Leaf is the part of a space that one lowest-level table maps: 2 MiB.
type Leaf struct {
	t      *table
	loaded bool
}

// LeafPages is the number of pages that a Leaf maps.
const LeafPages = entries

// Leaf returns the leaf that maps va.
func (p PageTable) Leaf(va uint64, from Pages) (Leaf, Result) {
	t, r := p.level(va, 1, from)
	return Leaf{t, p.loaded()}, r
}

// Set maps one page.
func (l Leaf) Set(va, physical uint64, r Rights) {
	e := &l.t[va/PageSize%entries]
	old := *e
	*e = physical | r.bits()
	if l.loaded && old&present != 0 {
		invlpg(va)
	}
}

// MapRange maps pages of contiguous memory, with large pages where it can.
func (p PageTable) MapRange(va, physical, pages uint64, r Rights, from Pages) Result {
	const largePages = LargeSize / PageSize
	for pages > 0 {
		n := uint64(1)
		if (va|physical)%LargeSize == 0 && pages >= largePages {
			t, res := p.level(va, 2, from)
			if res != Done {
				return res
			}
			e := &t[va/LargeSize%entries]
			if *e&(present|large) != present { // not over a table of small pages
				*e = physical | r.bits() | large
				n = largePages
			}
		}
		if n == 1 {
			leaf, res := p.Leaf(va, from)
			if res != Done {
				return res
			}
			leaf.Set(va, physical, r)
		}
		va, physical, pages = va+n*PageSize, physical+n*PageSize, pages-n
	}
	return Done
}

// each keeps some bits of every present entry of a range of small pages and sets others; what is 0 then
// is removed. Large pages are removed or changed whole.
func (p PageTable) each(va, pages uint64, to Pages, keep, set uint64) Result {
	touched := 0
	end := va + pages*PageSize
	for va < end {
		next := min((va|(LargeSize-1))+1, end)
		directory, _ := p.level(va, 2, nil)
		if directory == nil {
			va = next
			continue
		}
		e := &directory[va/LargeSize%entries]
		whole := next-va == LargeSize
		switch {
		case *e&present == 0:
		case *e&large != 0:
			if !whole {
				return IsLarge
			}
			*e = *e&keep | set
			touched++
		default:
			leaf := tableAt(*e)
			left := false
			for a := va; a < next; a += PageSize {
				pe := &leaf[a/PageSize%entries]
				if *pe&present == 0 {
					continue
				}
				*pe = *pe&keep | set
				left = left || *pe != 0
				if touched++; touched <= flushAll && p.loaded() {
					invlpg(a)
				}
			}
			if whole && !left {
				table := *e & frameMask
				*e = 0
				to.GivePage(table)
				touched += flushAll + 1 // the processor may remember the table, too
			}
		}
		va = next
	}
	if touched > flushAll && p.loaded() {
		writeCR3(p.root)
	}
	return Done
}

// flushAll is the number of pages from which emptying the TLB is cheaper than
// naming every page.
const flushAll = 32

// Unmap removes the mappings of a range.
func (p PageTable) Unmap(va, pages uint64, to Pages) Result {
	return p.each(va, pages, to, 0, 0)
}

// Restrict takes rights away from the present pages of a range.
func (p PageTable) Restrict(va, pages uint64, write, execute bool, to Pages) Result {
	keep, set := ^uint64(0), uint64(0)
	if write {
		keep = ^uint64(writable)
	}
	if execute {
		set = noExecute
	}
	return p.each(va, pages, to, keep, set)
}

// Destroy frees all tables of a space. The space must not be used again.
func (p PageTable) Destroy(to Pages) {
	if p.loaded() {
		processor.root = kernelRoot
		writeCR3(kernelRoot)
	}
	p.free(tableAt(p.root)[:kernelHalf], 3, to)
	to.GivePage(p.root)
}

func (p PageTable) free(t []uint64, level int, to Pages) {
	for i, e := range t {
		if e&present == 0 || e&large != 0 {
			continue
		}
		t[i] = 0
		if level > 1 {
			p.free(tableAt(e)[:], level-1, to)
		}
		to.GivePage(e & frameMask)
	}
}
