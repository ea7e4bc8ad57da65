package mm

import (
	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/pager/client"
	"starling/personality/state"
	"starling/personality/vfs"
)

// Export gives the state of the space.
func (s *Space) Export() *state.SpaceT {
	t := &state.SpaceT{
		Id: s.ID, Pager: uint32(s.Pager), Handle: uint32(s.Handle),
		CodeStart: s.CodeStart, CodeEnd: s.CodeEnd, DataStart: s.DataStart, DataEnd: s.DataEnd,
		BreakStart: s.BreakStart, BreakEnd: s.BreakEnd, MapBase: s.mapBase, StackStart: s.StackStart,
		ArgStart: s.ArgStart, ArgEnd: s.ArgEnd, EnvStart: s.EnvStart, EnvEnd: s.EnvEnd,
		Auxv: s.Auxv, Vdso: s.VDSOAddress, LockFuture: s.LockFuture, Dumpable: s.Dumpable, Peak: s.peak,
		DumpFilter: s.DumpFilter,
		Probed:     s.Probed, Area: s.Area, AreaObject: uint32(s.area), AreaSlots: s.areaSlots,
	}
	if s.Exe != nil {
		t.Exe = s.Exe.Id
	}
	for r := range s.Regions() {
		x := &state.RegionT{Start: r.Start, End: r.End, Access: byte(r.Access), May: byte(r.May),
			Flags: uint32(r.Flags), Object: uint32(r.Object), Offset: r.Offset}
		if r.File != nil {
			x.File = r.File.Id
		}
		t.Regions = append(t.Regions, x)
	}
	return t
}

// Import makes a space of its state, without users. file finds an open file
// description and adds a reference. EINVAL when the state contradicts itself.
func (m *Manager) Import(t *state.SpaceT, file func(id uint64) *vfs.File) (*Space, unix.Errno) {
	s := &Space{
		m: m, ID: t.Id, Pager: client.Space(t.Pager), Handle: ipc.Handle(t.Handle),
		CodeStart: t.CodeStart, CodeEnd: t.CodeEnd, DataStart: t.DataStart, DataEnd: t.DataEnd,
		BreakStart: t.BreakStart, BreakEnd: t.BreakEnd, mapBase: t.MapBase, StackStart: t.StackStart,
		ArgStart: t.ArgStart, ArgEnd: t.ArgEnd, EnvStart: t.EnvStart, EnvEnd: t.EnvEnd,
		Auxv: t.Auxv, VDSOAddress: t.Vdso, LockFuture: t.LockFuture, Dumpable: t.Dumpable, peak: t.Peak,
		DumpFilter: t.DumpFilter,
		Probed:     t.Probed, Area: t.Area, area: client.Object(t.AreaObject), areaSlots: t.AreaSlots,
	}
	if len(s.Auxv) == 0 {
		s.Auxv = nil
	}
	end := uint64(0)
	for _, x := range t.Regions {
		if x.Start < end || x.End <= x.Start || (x.Start|x.End)&pageMask != 0 {
			return nil, unix.EINVAL
		}
		end = x.End
		r := Region{Start: x.Start, End: x.End, Access: ipc.Access(x.Access), May: ipc.Access(x.May),
			Flags: Flags(x.Flags), Object: client.Object(x.Object), Offset: x.Offset}
		if x.File != 0 {
			if r.File = file(x.File); r.File == nil {
				return nil, unix.EINVAL
			}
			r.noted()
		}
		s.book.add(r)
		s.total += r.pages()
		if r.Flags&Locked != 0 {
			s.locked += r.pages()
		}
	}
	if t.Exe != 0 {
		f := file(t.Exe)
		if f == nil {
			return nil, unix.EINVAL
		}
		s.SetExe(f)
	}
	return s, 0
}
