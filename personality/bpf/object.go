package bpf

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
	"starling/personality/vfs/content"
)

// Objects is all that bpf(2) has made, by the numbers that programs see.
type Objects struct {
	v        *vfs.VFS
	store    content.Store
	maps     map[uint32]*Map
	programs map[uint32]*Program
	btfs     map[uint32]*BTF

	nextMap, nextProgram, nextBTF uint32

	machine machine
	// Violations counts runs that ended because of an access that the verifier should have
	// refused. It stays 0.
	Violations uint64
}

// New makes the registry; files of maps, programs and types become known to v.
func New(v *vfs.VFS, store content.Store) *Objects {
	o := &Objects{v: v, store: store, maps: map[uint32]*Map{}, programs: map[uint32]*Program{}, btfs: map[uint32]*BTF{}}
	v.RegisterKind(vfs.KindBPFMap, mapKind{o})
	v.RegisterKind(vfs.KindBPFProgram, programKind{o})
	v.RegisterKind(vfs.KindBTF, btfKind{o})
	return o
}

// after is the lowest number above n in a registry (BPF_MAP_GET_NEXT_ID). ENOENT.
func after[T any](list map[uint32]T, n uint32) (uint32, unix.Errno) {
	next := uint32(0)
	for id := range list {
		if id > n && (next == 0 || id < next) {
			next = id
		}
	}
	if next == 0 {
		return 0, unix.ENOENT
	}
	return next, 0
}

// NextMap, NextProgram and NextBTF find the number after n.
func (o *Objects) NextMap(n uint32) (uint32, unix.Errno) { return after(o.maps, n) }

// NextProgram is NextMap for programs.
func (o *Objects) NextProgram(n uint32) (uint32, unix.Errno) { return after(o.programs, n) }

// NextBTF is NextMap for types.
func (o *Objects) NextBTF(n uint32) (uint32, unix.Errno) { return after(o.btfs, n) }

// Map, Program and BTF find an object by its number, nil if there is none.
func (o *Objects) Map(id uint32) *Map { return o.maps[id] }

// Program is Map for programs.
func (o *Objects) Program(id uint32) *Program { return o.programs[id] }

// BTF is Map for types.
func (o *Objects) BTF(id uint32) *BTF { return o.btfs[id] }

// Export adds the objects to the state.
func (o *Objects) Export(t *state.ProbesT) {
	t.NextMap, t.NextProgram, t.NextBtf = o.nextMap, o.nextProgram, o.nextBTF
	for _, m := range o.maps {
		s := m.BpfMapT
		s.Outputs, s.OutputOwners = m.exportOutputs()
		s.Values, s.Keys, s.Live, s.Free = some(s.Values), some(s.Keys), some(s.Live), some(s.Free)
		t.Maps = append(t.Maps, &s)
	}
	for _, p := range o.programs {
		s := p.BpfProgramT
		s.Maps, s.Bound = some(s.Maps), some(s.Bound)
		t.Programs = append(t.Programs, &s)
	}
	for _, b := range o.btfs {
		s := b.BtfT
		t.Btfs = append(t.Btfs, &s)
	}
	slices.SortFunc(t.Maps, func(a, b *state.BpfMapT) int { return cmp.Compare(a.Id, b.Id) })
	slices.SortFunc(t.Programs, func(a, b *state.BpfProgramT) int { return cmp.Compare(a.Id, b.Id) })
	slices.SortFunc(t.Btfs, func(a, b *state.BtfT) int { return cmp.Compare(a.Id, b.Id) })
}

// some is a list that is nil when it is empty, so that a state has one layout.
func some[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// Import makes the objects of a state, before files refer to them. EINVAL when
// it contradicts itself.
func (o *Objects) Import(t *state.ProbesT) unix.Errno {
	o.nextMap, o.nextProgram, o.nextBTF = t.NextMap, t.NextProgram, t.NextBtf
	for _, s := range t.Maps {
		m := &Map{BpfMapT: *s, o: o}
		if !m.restore() {
			return unix.EINVAL
		}
		o.maps[m.Id] = m
	}
	for _, s := range t.Btfs {
		b := &BTF{BtfT: *s, o: o}
		b.Data = slices.Clone(b.Data)
		o.btfs[b.Id] = b
	}
	for _, s := range t.Programs {
		p := &Program{BpfProgramT: *s, o: o}
		p.Code, p.BpfProgramT.Maps = slices.Clone(p.Code), slices.Clone(p.BpfProgramT.Maps)
		p.Bound = slices.Clone(p.Bound)
		if !p.restore() {
			return unix.EINVAL
		}
		o.programs[p.Id] = p
	}
	return 0
}

// Settle drops what nothing refers to once all files are imported.
func (o *Objects) Settle() unix.Errno {
	for _, p := range o.programs {
		if p.refs <= 0 {
			return unix.EINVAL
		}
	}
	for _, m := range o.maps {
		if m.refs <= 0 {
			return unix.EINVAL
		}
	}
	return 0
}

// restore derives what follows from an imported state and checks it.
func (m *Map) restore() bool {
	spec := Spec{Type: m.Type, KeySize: m.KeySize, ValueSize: m.ValueSize, MaxEntries: m.MaxEntries, Flags: m.Flags}
	if spec.Check() != 0 {
		return false
	}
	m.Values, m.Keys, m.Live = slices.Clone(m.Values), slices.Clone(m.Keys), slices.Clone(m.Live)
	m.init()
	if m.bytes() > maxMapBytes {
		return false
	}
	switch {
	case m.isArray():
		return len(m.Values) == m.stride*int(m.MaxEntries)
	case m.isRing():
		return m.findPages() == 0
	case m.isOutputs():
		return true
	}
	slots := len(m.Live)
	if slots > int(m.MaxEntries) || len(m.Keys) != slots*int(m.KeySize) || len(m.Values) != slots*m.stride {
		return false
	}
	for i, live := range m.Live {
		if live != 0 {
			m.index[string(m.key(uint32(i)))] = uint32(i)
		}
	}
	for _, f := range m.Free {
		if int(f) >= slots || m.Live[f] != 0 {
			return false
		}
	}
	return len(m.index)+len(m.Free) == slots
}
