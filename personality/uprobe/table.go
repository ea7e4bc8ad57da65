package uprobe

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/mm"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// Consumer is who wants to know of hits.
type Consumer interface {
	// Wants reports whether a space is probed for it.
	Wants(s *mm.Space) bool
	// AtReturn: Hit is called when the function returns, not when it is entered.
	AtReturn() bool
	// Hit tells that a thread is at the probe, or has returned from the function.
	Hit(h *Hit)
}

// Hit is one hit.
type Hit struct {
	*Target
	// Function is the address of the probe. The instruction pointer is there, or behind the call.
	Function uint64
}

// Target is the thread that an operation is about.
type Target struct {
	Space *mm.Space
	Frame *isa.Frame
	State *State
	// Thread is the thread as consumers know it.
	Thread any
}

// Probe is a place in a file with its consumers, in the order of registration.
type Probe struct {
	inode     *vfs.Inode
	offset    uint64
	original  byte
	code      isa.Probed
	bytes     []byte
	counter   uint64
	consumers []registered
}

type registered struct {
	Consumer
	atReturn bool
}

// Table is all probes.
type Table struct {
	// Spaces is every address space that a thread uses, each once.
	Spaces func() []*mm.Space

	probes []*Probe // by inode and offset
	hit    Hit      // the one that is being told of
}

// Spec says where a consumer probes.
type Spec struct {
	Inode  *vfs.Inode
	Offset uint64
	// Code is the instruction there, as Check has found it.
	Code []byte
	// Counter is the offset of a number of 16 bits in the file that is raised in every space
	// while it is probed; 0: none. All consumers of a place have the same one.
	Counter uint64
}

// Register adds a consumer, which is told from now on. EINVAL: others have another counter there.
func (t *Table) Register(s Spec, c Consumer) unix.Errno {
	var had []*mm.Space
	if p := t.probe(s.Inode, s.Offset); p != nil {
		for _, space := range t.Spaces() {
			if p.wanted(space) {
				had = append(had, space)
			}
		}
	}
	p := t.attach(s, c)
	if p == nil {
		return unix.EINVAL
	}
	for _, space := range t.Spaces() {
		if c.Wants(space) && !slices.Contains(had, space) {
			p.plant(space, 0, isa.TaskSize)
			p.count(space, 1, 0, isa.TaskSize)
		}
	}
	return 0
}

// Attach is Register after an import: breakpoints are where they were.
func (t *Table) Attach(s Spec, c Consumer) bool { return t.attach(s, c) != nil }

func (t *Table) attach(s Spec, c Consumer) *Probe {
	p := t.probe(s.Inode, s.Offset)
	if p == nil {
		code, ok := isa.AnalyzeProbe(s.Code)
		if !ok || len(s.Code) == 0 {
			return nil
		}
		p = &Probe{inode: s.Inode, offset: s.Offset, original: s.Code[0], code: code, bytes: s.Code, counter: s.Counter}
		i, _ := t.find(s.Inode.Id, s.Offset)
		t.probes = slices.Insert(t.probes, i, p)
	}
	if p.counter != s.Counter {
		return nil
	}
	p.consumers = append(p.consumers, registered{c, c.AtReturn()})
	return p
}

// Unregister takes a consumer away, and the breakpoints that nobody wants any more.
func (t *Table) Unregister(in *vfs.Inode, offset uint64, c Consumer) {
	p := t.probe(in, offset)
	if p == nil {
		return
	}
	i := slices.IndexFunc(p.consumers, func(r registered) bool { return r.Consumer == c })
	if i < 0 {
		return
	}
	p.consumers = slices.Delete(p.consumers, i, i+1)
	for _, s := range t.Spaces() {
		if c.Wants(s) && !p.wanted(s) {
			p.remove(s)
		}
	}
	if len(p.consumers) == 0 {
		i, _ := t.find(in.Id, offset)
		t.probes = slices.Delete(t.probes, i, i+1)
	}
}

func (t *Table) probe(in *vfs.Inode, offset uint64) *Probe {
	if i, ok := t.find(in.Id, offset); ok {
		return t.probes[i]
	}
	return nil
}

// find is the index of a probe, or where it would be.
func (t *Table) find(inode, offset uint64) (int, bool) {
	low, high := 0, len(t.probes)
	for low < high {
		middle := int(uint(low+high) / 2)
		switch p := t.probes[middle]; {
		case p.inode.Id == inode && p.offset == offset:
			return middle, true
		case p.inode.Id < inode || p.inode.Id == inode && p.offset < offset:
			low = middle + 1
		default:
			high = middle
		}
	}
	return low, false
}

// Mapped plants what belongs into [start, end) of a space: it has come to show files. fresh: with the
// contents of the files, not with what was there before.
func (t *Table) Mapped(s *mm.Space, start, end uint64, fresh bool) {
	if len(t.probes) == 0 {
		return
	}
	for r := range s.RegionsIn(start, end) {
		if r.File == nil {
			continue
		}
		low, high := max(start, r.Start), min(end, r.End)
		for n, _ := t.find(r.File.Inode.Id, 0); n < len(t.probes) && t.probes[n].inode == r.File.Inode; n++ {
			p := t.probes[n]
			if !p.wanted(s) {
				continue
			}
			p.plant(s, low, high)
			if fresh {
				p.count(s, 1, low, high)
			}
		}
	}
}

// Adopted is told of the space that a thread has got by execve(2).
func (t *Table) Adopted(s *mm.Space) {
	t.Mapped(s, 0, isa.TaskSize, true)
}

func (p *Probe) wanted(s *mm.Space) bool {
	return slices.ContainsFunc(p.consumers, func(r registered) bool { return r.Wants(s) })
}

// places calls fn for every address in [start, end) where the probe's place is mapped: for planting, or
// as it may have been planted.
func (p *Probe) places(s *mm.Space, start, end uint64, planting bool, fn func(va uint64)) {
	for r := range s.Regions() {
		if r.File == nil || r.File.Inode != p.inode || !r.Probeable(planting) {
			continue
		}
		if va, ok := r.AddressOf(p.offset); ok && va >= start && va < end {
			fn(va)
		}
	}
}

// plant puts the breakpoint into a space. What cannot be written is left: the space is out of memory, and its
// next fault says so.
func (p *Probe) plant(s *mm.Space, start, end uint64) {
	p.places(s, start, end, true, func(va uint64) {
		s.Probed = true
		usermem.CopyOut(mm.Forced{S: s}, va, []byte{isa.Breakpoint})
	})
}

// remove puts back what was there, unless somebody else has written since.
func (p *Probe) remove(s *mm.Space) {
	p.count(s, -1, 0, isa.TaskSize)
	p.places(s, 0, isa.TaskSize, false, func(va uint64) {
		var b [1]byte
		if _, e := usermem.CopyIn(mm.Forced{S: s}, b[:], va); e == 0 && b[0] == isa.Breakpoint {
			usermem.CopyOut(mm.Forced{S: s}, va, []byte{p.original})
		}
	})
}

// count changes the counter of a probe in [start, end), where the program can write it.
func (p *Probe) count(s *mm.Space, by int16, start, end uint64) {
	if p.counter == 0 {
		return
	}
	for r := range s.Regions() {
		const size = 2
		if r.File == nil || r.File.Inode != p.inode || r.Flags&mm.Shared != 0 || !r.Writable() {
			continue
		}
		va, ok := r.AddressOf(p.counter)
		if !ok || va < start || va+size > end {
			continue
		}
		var b [size]byte
		if _, e := usermem.CopyIn(s, b[:], va); e == 0 {
			n := int16(b[0]) | int16(b[1])<<8
			n += by
			usermem.CopyOut(s, va, []byte{byte(n), byte(n >> 8)})
		}
	}
}

// at finds the probe whose breakpoint lies at an address.
func (t *Table) at(s *mm.Space, va uint64) *Probe {
	if len(t.probes) == 0 {
		return nil
	}
	r := s.Find(va)
	if r == nil || !r.Probeable(false) {
		return nil
	}
	return t.probe(r.File.Inode, r.OffsetAt(va))
}
