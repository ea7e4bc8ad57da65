package pager

import (
	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/pager/table"
)

// grantChunk is how many pages the kernel gets at a time.
const grantChunk = 64

// stockLow is when a new space makes the pager give the kernel more
// before it has to ask.
const stockLow = 48

// stockKernel gives the kernel more when it has little: whoever makes threads in a
// new space would meet ErrMemory and could only ask us.
func (p *Pager) stockKernel() {
	// 0 may also mean that we are not told; then ErrMemory tells.
	if free := p.t.KernelFree(); free > 0 && free < stockLow {
		p.grant(grantChunk)
	}
}

func kernelStatus(err error) pagerwire.Status {
	switch err {
	case nil:
		return pagerwire.OK
	case ipc.ErrMemory, ipc.ErrFull:
		return pagerwire.StatusNoMemory
	case ipc.ErrGone, ipc.ErrStale:
		return pagerwire.StatusStale
	case ipc.ErrCapability:
		return pagerwire.StatusCapability
	}
	return pagerwire.StatusBusy
}

func (p *Pager) kernelSpace() (ipc.Handle, error) {
	for {
		h, err := p.t.SpaceCreate()
		if err != ipc.ErrMemory || !p.grant(grantChunk) {
			return h, err
		}
	}
}

// kernelUnmap and kernelProtect only take away; the one thing that can be
// missing is the space, and then there is nothing to take.
func (p *Pager) kernelUnmap(s *space, page, pages uint64) {
	p.t.Unmap(s.handle, page<<table.PageShift, pages)
}

func (p *Pager) kernelProtect(s *space, page, pages uint64, drop ipc.Access) {
	p.t.Protect(s.handle, page<<table.PageShift, pages, drop)
}

// mapBatch is how many entries one kernel call takes.
const mapBatch = 512

// mapGap is the longest run of pages to be left alone inside one call.
const mapGap = 8

// mapper collects mappings of one space into as few kernel calls as it can: one per
// run of pages and per memory capability.
type mapper struct {
	handle ipc.Handle
	page   uint64 // of entries[0]
	count  uint64
	area   area
	length uint64 // of area, in bytes
	failed bool
	// entries are as Transport.Map wants them.
	entries [mapBatch]uint64
}

// mapStart begins collecting for a space.
func (p *Pager) mapStart(s *space) {
	p.mapper.handle, p.mapper.count, p.mapper.failed = s.handle, 0, false
}

// mapPage adds an entry that was installed with Mapped set. Pages come in ascending order.
func (p *Pager) mapPage(page uint64, e table.Entry) {
	m := &p.mapper
	offset := e.Frame() - m.area.base
	if n := m.count; page == m.page+n && n-1 < mapBatch-1 && offset < m.length {
		m.entries[n] = offset | uint64(e&table.Rights)
		m.count = n + 1
		return
	}
	p.mapApart(page, e)
}

// mapApart is mapPage for an entry that does not simply continue the call.
func (p *Pager) mapApart(page uint64, e table.Entry) {
	m := &p.mapper
	offset := e.Frame() - m.area.base
	if m.count != 0 {
		gap := page - (m.page + m.count)
		if gap <= mapGap && m.count+gap < mapBatch && offset < m.length {
			for ; gap > 0; gap-- {
				m.entries[m.count] = 0
				m.count++
			}
			m.entries[m.count] = offset | uint64(e&table.Rights)
			m.count++
			return
		}
		p.mapFlush()
	}
	if offset >= m.length {
		m.area = p.areaWith(e.Frame())
		m.length = m.area.end - m.area.base
		offset = e.Frame() - m.area.base
	}
	m.page, m.count = page, 1
	m.entries[0] = offset | uint64(e&table.Rights)
}

// mapFlush hands what was collected to the kernel. False when the kernel has no
// memory for it and there is none to give. The entries stay marked Mapped
// then, which only means that the kernel may know them.
func (p *Pager) mapFlush() bool {
	m := &p.mapper
	for m.count > 0 {
		err := p.t.Map(m.handle, m.page<<table.PageShift, m.area.handle, m.entries[:m.count])
		if err == ipc.ErrMemory && p.grant(grantChunk) {
			continue
		}
		if err != nil {
			m.failed = true
		}
		m.count = 0
	}
	return !m.failed
}

// areaWith finds the memory capability of a frame.
func (p *Pager) areaWith(phys uint64) area {
	for _, a := range p.data {
		if phys-a.base < a.end-a.base {
			return a
		}
	}
	return p.image
}
