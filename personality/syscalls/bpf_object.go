package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/bpf"
	"starling/personality/perf"
	"starling/personality/task"
	"starling/personality/usermem"
)

// What bpf(2) tells of its objects: by number, and BPF_OBJ_GET_INFO_BY_FD.

// nextID is a command that finds the number after another one.
func (c *bpfCall) nextID(next func(uint32) (uint32, unix.Errno)) task.Result {
	id, e := next(c.attr.u32(0))
	if e == 0 {
		e = usermem.Write32(c.Mem(), c.at+4, id)
	}
	return fail(e)
}

func bpfNextProgram(c *bpfCall) task.Result { return c.nextID(c.K.BPF.NextProgram) }
func bpfNextMap(c *bpfCall) task.Result     { return c.nextID(c.K.BPF.NextMap) }
func bpfNextBTF(c *bpfCall) task.Result     { return c.nextID(c.K.BPF.NextBTF) }
func bpfNextLink(c *bpfCall) task.Result    { return c.nextID(c.K.Perf.Next) }

func bpfProgramByID(c *bpfCall) task.Result {
	if p := c.K.BPF.Program(c.attr.u32(0)); p != nil {
		return c.descriptor(c.K.BPF.ProgramFileOf(p))
	}
	return fail(unix.ENOENT)
}

func bpfMapByID(c *bpfCall) task.Result {
	if m := c.K.BPF.Map(c.attr.u32(0)); m != nil {
		return c.descriptor(c.K.BPF.MapFileOf(m))
	}
	return fail(unix.ENOENT)
}

func bpfBTFByID(c *bpfCall) task.Result {
	if b := c.K.BPF.BTF(c.attr.u32(0)); b != nil {
		return c.descriptor(c.K.BPF.BTFFileOf(b))
	}
	return fail(unix.ENOENT)
}

func bpfLinkByID(c *bpfCall) task.Result {
	if l := c.K.Perf.Link(c.attr.u32(0)); l != nil {
		return c.descriptor(c.K.Perf.LinkFile(l))
	}
	return fail(unix.ENOENT)
}

// information is the structure that BPF_OBJ_GET_INFO_BY_FD fills.
type information []byte

func (b information) u32(at int, v uint32)     { binary.LittleEndian.PutUint32(b[at:], v) }
func (b information) u64(at int, v uint64)     { binary.LittleEndian.PutUint64(b[at:], v) }
func (b information) get32(at int) uint32      { return binary.LittleEndian.Uint32(b[at:]) }
func (b information) get64(at int) uint64      { return binary.LittleEndian.Uint64(b[at:]) }
func (b information) text(at int, name string) { copy(b[at:at+unix.BPF_OBJ_NAME_LEN-1], name) }

// Sizes of the structures (Linux include/uapi/linux/bpf.h).
const (
	infoMapSize     = 104
	infoProgramSize = 232
	infoBTFSize     = 32
	infoLinkSize    = 64
)

// bpfInfo is BPF_OBJ_GET_INFO_BY_FD. Pointers and lengths that the caller has put into the structure say where
// longer parts go.
func bpfInfo(c *bpfCall) task.Result {
	a := &c.attr
	f := openFile(c.x, uint64(a.u32(0)))
	if f == nil {
		return fail(unix.EBADF)
	}
	length, at := a.u32(4), a.u64(8)
	var size uint32
	var fill func(b information) unix.Errno
	switch {
	case bpf.MapOf(f) != nil:
		size, fill = infoMapSize, func(b information) unix.Errno { return c.mapInfo(b, bpf.MapOf(f)) }
	case bpf.ProgramOf(f) != nil:
		size, fill = infoProgramSize, func(b information) unix.Errno { return c.programInfo(b, bpf.ProgramOf(f)) }
	case bpf.BTFOf(f) != nil:
		size, fill = infoBTFSize, func(b information) unix.Errno { return c.btfInfo(b, bpf.BTFOf(f)) }
	case perf.LinkOf(f) != nil:
		size, fill = infoLinkSize, func(b information) unix.Errno { return c.linkInfo(b, perf.LinkOf(f)) }
	default:
		return fail(unix.EINVAL)
	}
	if length > bpfMaxAttr {
		return fail(unix.E2BIG)
	}
	b := make(information, size)
	if e := usermem.CopyInStruct(c.Mem(), b, at, uint64(length)); e != 0 {
		return fail(e)
	}
	if e := fill(b); e != 0 {
		return fail(e)
	}
	length = min(length, size)
	if _, e := usermem.CopyOut(c.Mem(), at, b[:length]); e != 0 {
		return fail(e)
	}
	return fail(usermem.Write32(c.Mem(), c.at+4, length))
}

func (c *bpfCall) mapInfo(b information, m *bpf.Map) unix.Errno {
	clear(b)
	for i, v := range []uint32{m.Type, m.Id, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags} {
		b.u32(4*i, v)
	}
	b.text(24, m.Name)
	return 0
}

func (c *bpfCall) programInfo(b information, p *bpf.Program) unix.Errno {
	ids, room, to := p.MapIDs(), b.get32(52), b.get64(56)
	insns, insnsTo := b.get32(20), b.get64(32)
	clear(b)
	b.u32(0, p.Type)
	b.u32(4, p.Id)
	b.u64(8, p.BpfProgramT.Tag)
	b.u32(20, uint32(len(p.Code)))
	b.u64(40, uint64(p.Loaded))
	b.u32(48, p.Uid)
	b.u32(52, uint32(len(ids)))
	b.u64(56, to)
	b.u64(32, insnsTo)
	b.text(64, p.Name)
	if p.Gpl {
		b.u32(84, 1)
	}
	b.u32(128, p.Btf)
	b.u64(200, p.Runs)
	b.u32(216, p.Steps)
	if n := min(insns, uint32(len(p.Code))); n > 0 && insnsTo != 0 {
		if _, e := usermem.CopyOut(c.Mem(), insnsTo, p.Code[:n]); e != 0 {
			return e
		}
	}
	for i := uint32(0); i < min(room, uint32(len(ids))); i++ {
		if e := usermem.Write32(c.Mem(), to+4*uint64(i), ids[i]); e != 0 {
			return e
		}
	}
	return 0
}

func (c *bpfCall) btfInfo(b information, x *bpf.BTF) unix.Errno {
	to, room := b.get64(0), b.get32(8)
	b.u32(8, uint32(len(x.Data)))
	b.u32(12, x.Id)
	b.u32(24, 0)
	b.u32(28, 0)
	if to == 0 {
		return 0
	}
	_, e := usermem.CopyOut(c.Mem(), to, x.Data[:min(int(room), len(x.Data))])
	return e
}

// What a link of an event is (BPF_LINK_TYPE_PERF_EVENT, BPF_PERF_EVENT_UPROBE).
const (
	linkPerfEvent   = 7
	linkUprobe      = 1
	linkReturnProbe = 2
)

func (c *bpfCall) linkInfo(b information, l *perf.Link) unix.Errno {
	e := l.Target()
	if e == nil {
		return c.placesInfo(b, l)
	}
	to, room := b.get64(24), b.get32(32)
	b.u32(0, linkPerfEvent)
	b.u32(4, l.Id)
	b.u32(8, e.Program)
	b.u32(16, linkUprobe)
	if e.AtReturn() {
		b.u32(16, linkReturnProbe)
	}
	b.u32(32, uint32(len(e.Path)+1))
	b.u32(36, uint32(e.Offset))
	b.u64(40, e.Cookie)
	b.u64(48, e.Counter)
	if to == 0 || room == 0 {
		if (to == 0) != (room == 0) {
			return unix.EINVAL
		}
		return 0
	}
	name := append([]byte(e.Path), 0)
	if int(room) < len(name) {
		name = name[:room]
		name[room-1] = 0
		_, _ = usermem.CopyOut(c.Mem(), to, name)
		return unix.ENOSPC
	}
	_, errno := usermem.CopyOut(c.Mem(), to, name)
	return errno
}

// linkUprobeMulti is BPF_LINK_TYPE_UPROBE_MULTI.
const linkUprobeMulti = 12

// placesInfo fills in what there is about a link with places. ENOSPC: the caller has room for fewer.
func (c *bpfCall) placesInfo(b information, l *perf.Link) unix.Errno {
	path, offsets, counters, cookies := b.get64(16), b.get64(24), b.get64(32), b.get64(40)
	pathRoom, room := b.get32(48), b.get32(52)
	if (path == 0) != (pathRoom == 0) || offsets|counters|cookies != 0 && room == 0 {
		return unix.EINVAL
	}
	count := uint32(len(l.Places))
	b.u32(0, linkUprobeMulti)
	b.u32(4, l.Id)
	b.u32(8, l.ProgramID())
	b.u32(48, uint32(len(l.Path)+1))
	b.u32(52, count)
	b.u32(56, 0)
	if l.AtReturn {
		b.u32(56, multiReturn)
	}
	b.u32(60, uint32(l.Pid))
	if path != 0 {
		name := append([]byte(l.Path), 0)
		if int(pathRoom) < len(name) {
			return unix.ENAMETOOLONG
		}
		if _, e := usermem.CopyOut(c.Mem(), path, name); e != 0 {
			return e
		}
	}
	for i, p := range l.Places[:min(count, room)] {
		for _, f := range []struct{ at, v uint64 }{{offsets, p.Offset}, {counters, p.Counter}, {cookies, p.Cookie}} {
			if f.at == 0 {
				continue
			}
			if e := usermem.Write64(c.Mem(), f.at+8*uint64(i), f.v); e != 0 {
				return e
			}
		}
	}
	if offsets|counters|cookies != 0 && room < count {
		return unix.ENOSPC
	}
	return 0
}
