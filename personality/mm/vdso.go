package mm

import (
	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/pager/client"
	"starling/personality/vdso"
)

// Pages of the vDSO's object: the data page, then the image.
const (
	vvarSize = pageSize
	vdsoSize = (len(vdso.Image) + pageMask) &^ pageMask
)

// InitVDSO makes the object that every program maps: data page and image.
func (m *Manager) InitVDSO(d *vdso.Data) unix.Errno {
	o, st := m.Pager.ObjectCreate(uint64(vvarSize + vdsoSize))
	if st != client.OK {
		return errno(st)
	}
	m.vdso = o
	pages := uint64(vvarSize+vdsoSize) >> pageShift
	if n, st := m.Pager.ObjectPopulate(o, 0, pages); st != client.OK || n != pages {
		return unix.ENOMEM
	}
	for i := uint64(1); i < pages; i++ {
		p, _ := m.Pager.ObjectPage(o, i)
		if p == nil {
			return unix.ENOMEM
		}
		copy(p[:], vdso.Image[(i-1)<<pageShift:])
	}
	return m.SetClock(d)
}

// SetClock publishes how programs turn the counter into time.
func (m *Manager) SetClock(d *vdso.Data) unix.Errno {
	p, _ := m.Pager.ObjectPage(m.vdso, 0)
	if p == nil {
		return unix.ENOMEM
	}
	d.Put(p)
	return 0
}

// MapVDSO maps data page and image into a space that is being built.
func (s *Space) MapVDSO() unix.Errno {
	if s.m.vdso == 0 {
		return 0
	}
	size := uint64(vvarSize + vdsoSize)
	at, ok := s.gap(size)
	if !ok {
		return unix.ENOMEM
	}
	s.insert(Region{Start: at, End: at + vvarSize, Access: ipc.Read, May: ipc.Read, Flags: VVar, Object: s.m.vdso})
	s.insert(Region{Start: at + vvarSize, End: at + size, Access: ipc.Read | ipc.Execute,
		May: ipc.Read | ipc.Write | ipc.Execute, Flags: VDSO, Object: s.m.vdso, Offset: vvarSize})
	s.VDSOAddress = at + vvarSize
	return 0
}

// VDSOObject and RestoreVDSO carry the object over a swap.
func (m *Manager) VDSOObject() uint32 { return uint32(m.vdso) }

// RestoreVDSO is told the object after an import.
func (m *Manager) RestoreVDSO(o uint32) { m.vdso = client.Object(o) }
