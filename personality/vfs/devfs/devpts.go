package devfs

import (
	"strconv"

	"golang.org/x/sys/unix"

	"starling/personality/tty"
	"starling/personality/vfs"
)

const (
	// ttyGroup owns terminals (Debian's group tty).
	ttyGroup = 5
	// slaveMode lets the group write to a slave but not read it.
	slaveMode  = 0620
	ptsOptions = "gid=5,mode=620,ptmxmode=666"
	// firstSlaveIno is the inode number of slave 0 (fs/devpts/inode.c).
	firstSlaveIno = 3
)

// Pts is devpts. There is one instance; mounting it again shows the same names.
// It implements vfs.FSType and tty.Names.
type Pts struct {
	v     *vfs.VFS
	super *vfs.Super
}

// NewPts makes the type, registers it and tells the terminals about it.
func NewPts(v *vfs.VFS, m *tty.Manager) *Pts {
	p := &Pts{v: v}
	v.RegisterType(p)
	m.SetNames(p)
	return p
}

// Super is the instance.
func (p *Pts) Super() *vfs.Super {
	if p.super == nil {
		s := p.v.NewSuper(p, ptsOptions)
		s.InCore = true
		root := p.v.NewInode(s, unix.S_IFDIR|0755, ptsNode{})
		root.Nlink = 2
		p.v.NewRoot(s, root)
		in := p.v.NewInode(s, unix.S_IFCHR|0666, ptsNode{})
		in.Rdev = unix.Mkdev(tty.MajorAux, 2)
		p.v.AddChild(s.Root, "ptmx", in)
		p.super = s
	}
	return p.super
}

// ptsNode is a file of devpts.
type ptsNode struct{ vfs.NodeBase }

// Name implements vfs.FSType.
func (*Pts) Name() string { return "devpts" }

// Mount implements vfs.FSType.
func (p *Pts) Mount(*vfs.Context, string, string) (*vfs.Super, unix.Errno) { return p.Super(), 0 }

// RestoreSuper implements vfs.FSType.
func (p *Pts) RestoreSuper(s *vfs.Super) unix.Errno {
	s.InCore = true
	p.super = s
	return 0
}

// RestoreInode implements vfs.FSType.
func (*Pts) RestoreInode(in *vfs.Inode) unix.Errno {
	in.Ops = ptsNode{}
	return 0
}

// Add implements tty.Names.
func (p *Pts) Add(c *vfs.Context, index uint32) unix.Errno {
	s := p.Super()
	in := p.v.NewInode(s, unix.S_IFCHR|slaveMode, ptsNode{})
	in.Ino = firstSlaveIno + uint64(index)
	in.Uid, in.Gid = c.Cred.FSUID, ttyGroup
	in.Rdev = unix.Mkdev(tty.MajorSlave+index>>8, index&0xff)
	p.v.AddChild(s.Root, slaveName(index), in)
	return 0
}

// Remove implements tty.Names.
func (p *Pts) Remove(index uint32) {
	if d := p.v.Child(p.Super().Root, slaveName(index)); d != nil {
		p.v.RemoveChild(d)
	}
}

// Place implements tty.Names.
func (p *Pts) Place(index uint32) (vfs.Path, bool) {
	d := p.v.Child(p.Super().Root, slaveName(index))
	if d == nil {
		return vfs.Path{}, false
	}
	for _, m := range p.v.Mounts() {
		if m.Super == p.super {
			return vfs.Path{Mnt: m, D: d}, true
		}
	}
	return vfs.Path{}, false
}

func slaveName(index uint32) string { return strconv.FormatUint(uint64(index), 10) }
