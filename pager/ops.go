package pager

import (
	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/ipc/planted"
	"starling/pager/table"
)

// needs says what has to be sound before an op is run.
type needs uint8

const (
	needSpace   needs = 1 << iota // Space is one of the client's
	needObject                    // Object is one of the client's
	maybeObject                   // Object is 0 or one of the client's
	needRange                     // Address and Pages are a range of user pages
	needAdmin                     // the client is the administrator
	ownSpace                      // with needSpace: or the one that the client runs in
)

// op is what a handler gets: the command with its names looked up.
type op struct {
	pagerwire.Command
	space     uint32 // index
	object    uint32 // index
	hasObject bool
	from, end uint64 // pages
}

// row is one line of the table of ops.
type row struct {
	needs needs
	run   func(p *Pager, o *op, r *pagerwire.Outcome) pagerwire.Status
}

// ops is indexed by pagerwire.Code. What each does is said there.
var ops = [...]row{
	pagerwire.CodeInfo:           {0, opInfo},
	pagerwire.CodeSpaceCreate:    {0, opSpaceCreate},
	pagerwire.CodeSpaceFork:      {needSpace, opSpaceFork},
	pagerwire.CodeSpaceDestroy:   {needSpace, opSpaceDestroy},
	pagerwire.CodeMap:            {needSpace | maybeObject, opMap},
	pagerwire.CodeUnmap:          {needSpace | needRange, opUnmap},
	pagerwire.CodeProtect:        {needSpace | needRange, opProtect},
	pagerwire.CodeMove:           {needSpace | needRange, opMove},
	pagerwire.CodeDiscard:        {needSpace | ownSpace | needRange, opDiscard},
	pagerwire.CodePopulate:       {needSpace | needRange, opPopulate},
	pagerwire.CodeResolve:        {needSpace, opResolve},
	pagerwire.CodeObjectCreate:   {0, opObjectCreate},
	pagerwire.CodeObjectAdopt:    {0, opObjectAdopt},
	pagerwire.CodeObjectResize:   {needObject, opObjectResize},
	pagerwire.CodeObjectRef:      {needObject, opObjectRef},
	pagerwire.CodeObjectDestroy:  {needObject, opObjectDestroy},
	pagerwire.CodeObjectPopulate: {needObject, opObjectPopulate},
	pagerwire.CodeObjectDiscard:  {needObject, opObjectDiscard},
	pagerwire.CodeSpaceAdopt:     {needAdmin, opSpaceAdopt},
	pagerwire.CodeWindowMap:      {needSpace | needAdmin, opWindowMap},
	pagerwire.CodeKernelGrant:    {0, opKernelGrant},
	pagerwire.CodeRelease:        {needAdmin, opRelease},
	pagerwire.CodeSpaceUsage:     {needSpace | needAdmin, opSpaceUsage},
	pagerwire.CodeUsage:          {needAdmin, opUsage},
}

// run looks up what the command names and runs it.
func (p *Pager) run(o *op, r *pagerwire.Outcome) {
	c := &o.Command
	if c.Code >= pagerwire.Code(len(ops)) || ops[c.Code].run == nil {
		r.Status = pagerwire.StatusUnknown
		return
	}
	row, m := &ops[c.Code], &p.message
	o.space, o.object, o.hasObject, o.from, o.end = 0, 0, false, 0, 0
	if row.needs&needAdmin != 0 && m.badge != p.admin {
		r.Status = pagerwire.StatusDenied
		return
	}
	if row.needs&needSpace != 0 {
		if c.Space == pagerwire.ThisSpace {
			c.Space = m.newSpace
		}
		var s *space
		o.space, s, r.Status = p.spaceOf(c.Space, m.badge)
		if r.Status == pagerwire.StatusDenied && row.needs&ownSpace != 0 && s.user != 0 && s.user == m.badge {
			r.Status = pagerwire.OK
		}
		if r.Status != pagerwire.OK {
			return
		}
	}
	if row.needs&needObject != 0 || row.needs&maybeObject != 0 && c.Object != 0 {
		if c.Object == pagerwire.ThisObject {
			c.Object = m.newObject
		}
		if o.object, _, r.Status = p.objectOf(c.Object, m.badge); r.Status != pagerwire.OK {
			return
		}
		o.hasObject = true
	}
	if row.needs&needRange != 0 {
		if o.from, o.end, r.Status = pageRange(c.Address, c.Pages); r.Status != pagerwire.OK {
			return
		}
	}
	r.Status = row.run(p, o, r)
}

func opInfo(p *Pager, _ *op, r *pagerwire.Outcome) pagerwire.Status {
	r.Value, r.Extra = p.headerPhys, p.header.FramesTotal
	return pagerwire.OK
}

// made notes a space this message made: it is ThisSpace, and its capability is the
// one that travels.
func (p *Pager) made(i uint32, r *pagerwire.Outcome) {
	m := &p.message
	m.spaces++
	m.newSpace = p.spaceRecords[i].ID
	m.answer = p.spaces[i].handle
	r.Value = uint64(m.newSpace)
}

func opSpaceCreate(p *Pager, _ *op, r *pagerwire.Outcome) pagerwire.Status {
	if p.message.spaces > 0 {
		return pagerwire.StatusInvalid
	}
	i, st := p.spaceCreate(p.message.badge)
	if st == pagerwire.OK {
		p.made(i, r)
	}
	return st
}

func opSpaceFork(p *Pager, o *op, r *pagerwire.Outcome) pagerwire.Status {
	if p.message.spaces > 0 {
		return pagerwire.StatusInvalid
	}
	i, st := p.fork(o.space, p.message.badge)
	if st == pagerwire.OK {
		p.made(i, r)
	}
	return st
}

func opSpaceDestroy(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	if p.spaces[o.space].handle == p.message.answer {
		p.message.answer = 0
	}
	p.spaceDestroy(o.space)
	return pagerwire.OK
}

func opMap(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	object := uint32(0)
	if o.hasObject {
		object = o.object + 1
	}
	return p.mapRegion(o.space, &o.Command, object)
}

func opUnmap(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	if !p.unmapRange(o.space, o.from, o.end) {
		return pagerwire.StatusNoMemory
	}
	return pagerwire.OK
}

func opProtect(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	return p.protectRange(o.space, o.from, o.end, o.Access)
}

func opMove(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	to, _, st := pageRange(o.Size, o.Pages)
	if st != pagerwire.OK {
		return st
	}
	return p.moveRange(o.space, o.from, o.Pages, to)
}

func opDiscard(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	p.dropPages(o.space, o.from, o.end, allPages)
	return pagerwire.OK
}

// faulted turns the verdict on a page into a result.
func faulted(class ipc.FaultClass, r *pagerwire.Outcome) pagerwire.Status {
	r.Class = class
	switch class {
	case ipc.FaultNone:
		return pagerwire.OK
	case ipc.FaultOutOfMemory:
		return pagerwire.StatusNoMemory
	}
	return pagerwire.StatusFault
}

func opPopulate(p *Pager, o *op, r *pagerwire.Outcome) pagerwire.Status {
	done, class := p.populate(o.space, o.from, o.end, o.Access, o.Flags&pagerwire.FlagForce != 0)
	r.Value = done
	return faulted(class, r)
}

func opResolve(p *Pager, o *op, r *pagerwire.Outcome) pagerwire.Status {
	page := o.Address >> table.PageShift
	if page >= userPages {
		return faulted(ipc.FaultNotMapped, r)
	}
	p.mapStart(&p.spaces[o.space])
	e, class := p.resolve(o.space, page, o.Access, o.Flags&pagerwire.FlagForce != 0)
	// The page is there for the client whatever the kernel could note down.
	p.mapFlush()
	r.Value = uint64(e)
	return faulted(class, r)
}

func opObjectCreate(p *Pager, o *op, r *pagerwire.Outcome) pagerwire.Status {
	i, st := p.objectCreate(o.Size, p.message.badge)
	return p.madeObject(i, st, r)
}

func opObjectAdopt(p *Pager, o *op, r *pagerwire.Outcome) pagerwire.Status {
	i, st := p.objectAdopt(o.Offset, o.Size, p.message.badge)
	return p.madeObject(i, st, r)
}

// madeObject notes an object this message made: it is ThisObject.
func (p *Pager) madeObject(i uint32, st pagerwire.Status, r *pagerwire.Outcome) pagerwire.Status {
	if st == pagerwire.OK {
		p.message.newObject = p.objectRecords[i].ID
		r.Value = uint64(p.message.newObject)
	}
	return st
}

func opObjectResize(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	return p.objectResize(o.object, o.Size)
}

func opObjectRef(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	r := &p.objectRecords[o.object]
	if r.Holders == ^uint32(0) {
		return pagerwire.StatusNoMemory
	}
	r.Holders++
	return pagerwire.OK
}

func opObjectDestroy(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	return p.objectRelease(o.object)
}

// objectRange checks a range of pages of an object.
func objectRange(o *op) (from uint64, st pagerwire.Status) {
	from = o.Offset >> table.PageShift
	if o.Offset%table.PageSize != 0 || o.Pages == 0 || from >= maxObjectPages || o.Pages > maxObjectPages-from {
		return 0, pagerwire.StatusInvalid
	}
	return from, pagerwire.OK
}

func opObjectPopulate(p *Pager, o *op, r *pagerwire.Outcome) pagerwire.Status {
	from, st := objectRange(o)
	if st == pagerwire.OK {
		r.Value, st = p.objectPopulate(o.object, from, o.Pages)
	}
	return st
}

func opObjectDiscard(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	from, st := objectRange(o)
	if st == pagerwire.OK {
		st = p.objectDiscard(o.object, from, o.Pages)
	}
	return st
}

func opSpaceAdopt(p *Pager, o *op, r *pagerwire.Outcome) pagerwire.Status {
	m := &p.message
	if m.cap == 0 {
		return pagerwire.StatusCapability
	}
	i, st := p.newSpace(m.cap, m.badge)
	if st == pagerwire.OK {
		m.cap = 0
		p.spaces[i].adopted, p.spaces[i].user = true, o.Size
		m.newSpace = p.spaceRecords[i].ID
		r.Value = uint64(m.newSpace)
	}
	return st
}

func opWindowMap(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	s := &p.spaces[o.space]
	if !s.adopted {
		return pagerwire.StatusInvalid
	}
	parts := uint8(0)
	for _, f := range [...]struct {
		flag uint32
		part uint8
	}{
		{pagerwire.FlagWindowData, windowData},
		{pagerwire.FlagWindowTables, windowTables},
		{pagerwire.FlagWindowImage, windowImage},
	} {
		if o.Flags&f.flag != 0 {
			parts |= f.part
		}
	}
	st := kernelStatus(p.mapWindow(s.handle, ipc.Read, parts))
	if st == pagerwire.OK {
		s.window |= parts
	}
	return st
}

func opKernelGrant(p *Pager, o *op, r *pagerwire.Outcome) pagerwire.Status {
	before := p.granted
	if !p.grant(min(max(o.Pages, 1), grantChunk)) {
		return pagerwire.StatusNoMemory
	}
	r.Value = p.granted - before
	return pagerwire.OK
}

func opSpaceUsage(p *Pager, o *op, r *pagerwire.Outcome) pagerwire.Status {
	r.Value = p.spaceRecords[o.space].Resident
	return pagerwire.OK
}

// opUsage counts a page that several spaces will copy on the next store for each of them.
func opUsage(p *Pager, o *op, r *pagerwire.Outcome) pagerwire.Status {
	for i := range p.spaces {
		if rec := &p.spaceRecords[i]; rec.ID != 0 && p.spaces[i].owner == o.Size {
			r.Value += rec.Owned
		}
	}
	for i := range p.objects {
		if rec := &p.objectRecords[i]; rec.ID != 0 && p.objects[i].owner == o.Size {
			r.Value += rec.Resident
		}
	}
	r.Extra = p.header.FramesFree
	return pagerwire.OK
}

// opRelease forgets a client that will not come back. Spaces go first, so that
// objects lose their mappings.
func opRelease(p *Pager, o *op, _ *pagerwire.Outcome) pagerwire.Status {
	badge := o.Size
	if badge == p.admin {
		return pagerwire.StatusInvalid
	}
	for i := range p.spaces {
		if p.spaceRecords[i].ID != 0 && p.spaces[i].owner == badge {
			p.spaceDestroy(uint32(i))
		}
	}
	for i := range p.objects {
		if planted.LeakRelease {
			break
		}
		if r := &p.objectRecords[i]; r.ID != 0 && p.objects[i].owner == badge {
			r.Holders = 0
			p.objectReap(uint32(i))
		}
	}
	return pagerwire.OK
}
