// Package pipe is pipes and FIFOs (pipe(7), fifo(7)). The bytes are in a memory
// object; what is here is how many there are, who has which end open, and what
// wakes whom.
package pipe

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/content"
	"starling/personality/wait"
)

const (
	// Atomic is PIPE_BUF: writes of at most that many bytes are not split.
	Atomic = 4096
	// DefaultSize is the capacity of a new pipe in bytes.
	DefaultSize = 16 * content.PageSize
	// MaxSize is what F_SETPIPE_SZ allows everybody (fs.pipe-max-size).
	MaxSize = 1 << 20
	// AbsoluteMax bounds it for the privileged too.
	AbsoluteMax = 1 << 28
	// packetMark in PipeT.Packets marks the length of a packet.
	packetMark = 1 << 31
)

// Pipe is a pipe or an open FIFO. Its three ids are drawn together: Id is for
// readers and writers, Id+1 and Id+2 for openers of a FIFO waiting for the other end.
type Pipe struct {
	state.PipeT
	ring  content.Ring
	inode *vfs.Inode
	m     *Pipes
	slot  int
}

func (p *Pipe) waitID() wait.ID      { return wait.ID(p.Id) }
func (p *Pipe) readersWait() wait.ID { return wait.ID(p.Id + 1) }
func (p *Pipe) writersWait() wait.ID { return wait.ID(p.Id + 2) }

// Pipes is the pipe module. It implements vfs.FSType, vfs.FIFO and vfs.Module.
type Pipes struct {
	vfs.NodeBase
	v     *vfs.VFS
	store content.Store
	all   []*Pipe
	mount *vfs.Mount
}

// New makes the module and registers it.
func New(v *vfs.VFS, store content.Store) *Pipes {
	m := &Pipes{v: v, store: store}
	v.RegisterType(m)
	v.RegisterModule(m)
	v.RegisterFIFO(m)
	return m
}

// Name implements vfs.FSType.
func (*Pipes) Name() string { return "pipefs" }

// Mount implements vfs.FSType: it cannot be mounted.
func (*Pipes) Mount(*vfs.Context, string, string) (*vfs.Super, unix.Errno) {
	return nil, unix.EINVAL
}

// RestoreSuper implements vfs.FSType.
func (*Pipes) RestoreSuper(s *vfs.Super) unix.Errno { s.InCore = true; return 0 }

// RestoreInode implements vfs.FSType.
func (m *Pipes) RestoreInode(in *vfs.Inode) unix.Errno { in.Ops = m; return 0 }

// HiddenMount implements vfs.MountHolder.
func (m *Pipes) HiddenMount() *vfs.Mount { return m.mount }

// pipe makes the pipe of an inode.
func (m *Pipes) pipe(in *vfs.Inode) *Pipe {
	p := &Pipe{inode: in, m: m, slot: len(m.all)}
	p.Id = m.v.NewID()
	m.v.NewID()
	m.v.NewID()
	p.Inode, p.Size = in.Id, DefaultSize
	p.ring.Init(DefaultSize)
	in.Private = p
	m.all = append(m.all, p)
	return p
}

// Of is the pipe behind an open file, or nil.
func Of(f *vfs.File) *Pipe {
	p, _ := f.Private.(*Pipe)
	return p
}

// Create is pipe2(2): the read end and the write end. flags may have O_NONBLOCK and O_DIRECT.
func (m *Pipes) Create(c *vfs.Context, flags uint32) (r, w *vfs.File, e unix.Errno) {
	if m.mount == nil {
		m.mount = m.v.HiddenMount(m)
	}
	in := m.v.NewInode(m.mount.Super, unix.S_IFIFO|0600, m)
	in.Flags |= vfs.InodeNameless
	in.Uid, in.Gid = c.Cred.FSUID, c.Cred.FSGID
	p := m.pipe(in)
	p.Uid = c.Cred.UID
	if r, e = m.end(p, "", unix.O_RDONLY|flags&unix.O_NONBLOCK); e != 0 {
		m.forget(p)
		return nil, nil, e
	}
	if w, e = m.end(p, "", unix.O_WRONLY|flags&(unix.O_NONBLOCK|unix.O_DIRECT)); e != 0 {
		m.v.Put(r)
		return nil, nil, e
	}
	return r, w, 0
}

func (m *Pipes) end(p *Pipe, name string, flags uint32) (*vfs.File, unix.Errno) {
	f, e := m.v.NewHiddenFile(m.mount, p.inode, name, vfs.KindInode, 0, m.ops(), flags)
	if e == 0 {
		p.join(f)
	}
	return f, e
}

func (m *Pipes) ops() vfs.FileOps { return fileOps{m: m} }

// join counts a description as an end.
func (p *Pipe) join(f *vfs.File) {
	f.Private = p
	if f.Readable() {
		p.Readers++
		p.ReaderOpens++
	}
	if f.Writable() {
		p.Writers++
		p.WriterOpens++
	}
}

// forget drops a pipe that nobody can reach any more.
func (m *Pipes) forget(p *Pipe) {
	p.ring.Destroy(m.store)
	last := len(m.all) - 1
	m.all[p.slot] = m.all[last]
	m.all[p.slot].slot = p.slot
	m.all[last] = nil
	m.all = m.all[:last]
	p.inode.Private = nil
}

// InodeGone implements vfs.Attachment.
func (p *Pipe) InodeGone() { p.m.forget(p) }

// Open implements vfs.FIFO (fifo(7)). A blocked open is not counted as an end:
// who comes from the other side sees it waiting.
func (m *Pipes) Open(c *vfs.Context, f *vfs.File) unix.Errno {
	p, _ := f.Inode.Private.(*Pipe)
	if p == nil {
		p = m.pipe(f.Inode)
	}
	reads, writes := f.Readable(), f.Writable()
	switch {
	case !reads && !writes:
		return unix.EINVAL
	case reads && writes, m.mount != nil && f.Inode.Super == m.mount.Super: // who opens a pipe through /proc does not wait
	case reads:
		if p.Writers == 0 && !f.NonBlock() && !m.v.Waits.Waiting(p.writersWait()) && !met(c, p.WriterOpens) {
			return block(c, p.readersWait(), p.WriterOpens)
		}
	case writes:
		if p.Readers == 0 && !m.v.Waits.Waiting(p.readersWait()) && !met(c, p.ReaderOpens) {
			if f.NonBlock() {
				return unix.ENXIO
			}
			return block(c, p.writersWait(), p.ReaderOpens)
		}
	}
	p.join(f)
	f.Ops = m.ops()
	if reads {
		m.v.Waits.Wake(p.writersWait(), wait.Any)
		m.v.Waits.Wake(p.waitID(), wait.Out)
	}
	if writes {
		m.v.Waits.Wake(p.readersWait(), wait.Any)
		m.v.Waits.Wake(p.waitID(), wait.In)
	}
	return 0
}

// met reports whether the other end came, and perhaps went, since the open blocked.
func met(c *vfs.Context, opens uint64) bool {
	return c.Again && c.Call != nil && c.Call.Scratch0 != 0 && uint64(c.Call.Scratch0-1) != opens
}

func block(c *vfs.Context, id wait.ID, opens uint64) unix.Errno {
	if c.Call != nil && !c.Again {
		c.Call.Scratch0 = int64(opens) + 1
	}
	c.WaitOn = id
	return unix.EAGAIN
}

// Reopen implements vfs.FIFO.
func (m *Pipes) Reopen(f *vfs.File) unix.Errno {
	p, ok := f.Inode.Private.(*Pipe)
	if !ok {
		return unix.EINVAL
	}
	f.Private, f.Ops = p, m.ops()
	return 0
}

// Export implements vfs.Module.
func (m *Pipes) Export(t *state.VFST) {
	for _, p := range m.all {
		s := p.PipeT
		s.Ring = p.ring.Export()
		if len(s.Packets) == 0 {
			s.Packets = nil
		}
		t.Pipes = append(t.Pipes, &s)
	}
	vfs.SortByID(t.Pipes, func(p *state.PipeT) uint64 { return p.Id })
}

// Import implements vfs.Module.
func (m *Pipes) Import(t *state.VFST, r *vfs.Restorer) unix.Errno {
	m.mount = r.HiddenMountOf(m.Name())
	for _, s := range t.Pipes {
		p := &Pipe{PipeT: *s, inode: r.Inode(s.Inode), m: m, slot: len(m.all)}
		if p.inode == nil {
			return unix.EINVAL
		}
		p.ring.Import(s.Ring)
		p.Ring = nil
		p.inode.Private = p
		m.all = append(m.all, p)
	}
	return 0
}

// Relink implements vfs.Module.
func (*Pipes) Relink(*vfs.Restorer) unix.Errno { return 0 }

// fileOps is an open end.
type fileOps struct {
	vfs.FileBase
	m *Pipes
}

// Read implements vfs.FileOps.
func (o fileOps) Read(c *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	p := f.Private.(*Pipe)
	want := io.Len()
	if want == 0 {
		return 0, 0
	}
	if p.ring.Length == 0 {
		if p.Writers == 0 {
			return 0, 0
		}
		return 0, unix.EAGAIN
	}
	packet := p.packet()
	if packet != 0 {
		want = min(want, packet)
	}
	n, e := p.ring.Read(o.m.store, io, want)
	if n > 0 {
		o.m.took(p, uint64(n), packet)
		f.Inode.Atime = c.V.WallNow()
		return n, 0
	}
	return n, e
}

// packet is the length of the packet at the front, 0 for a stream.
func (p *Pipe) packet() uint64 {
	if len(p.Packets) == 0 || p.Packets[0]&packetMark == 0 {
		return 0
	}
	return uint64(p.Packets[0] &^ packetMark)
}

// took notes that n bytes of the front were read; the rest of a packet is lost.
func (m *Pipes) took(p *Pipe, n, packet uint64) {
	if packet > n {
		p.ring.Drop(packet - n)
		n = packet
	}
	for n > 0 && len(p.Packets) > 0 {
		k := min(n, uint64(p.Packets[0]&^packetMark))
		n -= k
		p.Packets[0] -= uint32(k)
		if p.Packets[0]&^packetMark == 0 {
			p.Packets = p.Packets[1:]
		}
	}
	if p.ring.Free() >= min(Atomic, p.Size) {
		m.v.Waits.Wake(p.waitID(), wait.Out|wait.WrNrm)
	}
}

// gave notes that n bytes were written.
func (m *Pipes) gave(p *Pipe, f *vfs.File, n uint64) {
	direct := f.Flags&unix.O_DIRECT != 0
	if direct || len(p.Packets) > 0 {
		p.record(n, direct)
	}
	m.v.Waits.Wake(p.waitID(), wait.In|wait.RdNrm)
}

// record notes the boundaries of what was written, once there are packets.
func (p *Pipe) record(n uint64, direct bool) {
	if len(p.Packets) == 0 {
		if before := p.ring.Length - n; before > 0 {
			p.Packets = append(p.Packets, uint32(before))
		}
	}
	if !direct {
		if k := len(p.Packets) - 1; k >= 0 && p.Packets[k]&packetMark == 0 {
			p.Packets[k] += uint32(n)
			return
		}
		p.Packets = append(p.Packets, uint32(n))
		return
	}
	for n > 0 {
		k := min(n, Atomic)
		p.Packets = append(p.Packets, uint32(k)|packetMark)
		n -= k
	}
}

// Write implements vfs.FileOps.
func (o fileOps) Write(c *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	p := f.Private.(*Pipe)
	if p.Readers == 0 {
		c.Raise = unix.SIGPIPE
		return 0, unix.EPIPE
	}
	want := io.Len()
	if want == 0 {
		return 0, 0
	}
	free := p.ring.Free()
	k := want
	if free < want {
		if want <= Atomic || free == 0 {
			return 0, unix.EAGAIN
		}
		k = free
	}
	n, e := p.ring.Write(o.m.store, io, k)
	if n > 0 {
		o.m.gave(p, f, uint64(n))
		f.Inode.Mtime = c.V.WallNow()
		f.Inode.Ctime = f.Inode.Mtime
	}
	if e == 0 && uint64(n) < want {
		e = unix.EAGAIN
	}
	return n, e
}

// Ready implements vfs.FileOps.
func (o fileOps) Ready(f *vfs.File, mask wait.Events) wait.Events {
	p := f.Private.(*Pipe)
	var ev wait.Events
	if f.Readable() {
		if p.ring.Length > 0 {
			ev |= wait.In | wait.RdNrm
		}
		if p.Writers == 0 && p.WriterOpens > 0 {
			ev |= wait.Hup
		}
	}
	if f.Writable() {
		if p.ring.Free() >= min(Atomic, p.Size) {
			ev |= wait.Out | wait.WrNrm
		}
		if p.Readers == 0 {
			ev |= wait.Err
		}
	}
	return ev & mask
}

// WaitID implements vfs.FileOps.
func (fileOps) WaitID(f *vfs.File) wait.ID { return f.Private.(*Pipe).waitID() }

// Ioctl implements vfs.FileOps.
func (o fileOps) Ioctl(c *vfs.Context, f *vfs.File, cmd uint32, arg uint64) (int64, unix.Errno) {
	if cmd == vfs.FIONREAD {
		return 0, usermem.Write32(c.Mem, arg, uint32(f.Private.(*Pipe).ring.Length))
	}
	return 0, unix.ENOTTY
}

// Release implements vfs.FileOps.
func (o fileOps) Release(v *vfs.VFS, f *vfs.File) {
	p := f.Private.(*Pipe)
	if f.Readable() {
		if p.Readers--; p.Readers == 0 {
			v.Waits.Wake(p.waitID(), wait.Out|wait.Err|wait.Hup)
		}
	}
	if f.Writable() {
		if p.Writers--; p.Writers == 0 {
			v.Waits.Wake(p.waitID(), wait.In|wait.Hup)
		}
	}
	if p.Readers == 0 && p.Writers == 0 {
		p.ring.Destroy(o.m.store)
		p.Packets = nil
	}
}
