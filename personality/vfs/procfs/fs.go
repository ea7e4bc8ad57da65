package procfs

import (
	"bytes"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
)

// FS is the one instance of /proc. It implements vfs.FSType.
type FS struct {
	v      *vfs.VFS
	source Source
	super  *vfs.Super
	bootID [16]byte
}

// New makes the type and registers it.
func New(v *vfs.VFS, source Source) *FS {
	fs := &FS{v: v, source: source}
	v.RegisterType(fs)
	return fs
}

// Super is the instance.
func (fs *FS) Super() *vfs.Super {
	if fs.super == nil {
		fs.super = fs.v.NewSuper(fs, "")
		root := fs.inode(node{fs: fs, e: rootTree, key: noKey})
		fs.v.NewRoot(fs.super, root)
		fs.source.Random(fs.bootID[:])
		// The boot id survives with the root directory.
		root.Image = 0
		root.Size = 0
		root.Key0, root.Key1 = word(fs.bootID[:8]), word(fs.bootID[8:])
	}
	return fs.super
}

func word(b []byte) (v uint64) {
	for i := range 8 {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

// Name implements vfs.FSType.
func (*FS) Name() string { return "proc" }

// Mount implements vfs.FSType: every mount shows the same.
func (fs *FS) Mount(*vfs.Context, string, string) (*vfs.Super, unix.Errno) { return fs.Super(), 0 }

// RestoreSuper implements vfs.FSType.
func (fs *FS) RestoreSuper(s *vfs.Super) unix.Errno {
	fs.super = s
	return 0
}

// RestoreInode implements vfs.FSType.
func (fs *FS) RestoreInode(in *vfs.Inode) unix.Errno {
	e := resolve(in.Kind, in.Target)
	if e == nil {
		return unix.EINVAL
	}
	n := &node{fs: fs, e: e, tree: in.Kind, path: in.Target, key: int64(in.Key1)}
	if in.Kind == treeRoot && in.Target == "" {
		for i := range 8 {
			fs.bootID[i], fs.bootID[8+i] = byte(in.Key0>>(8*i)), byte(in.Key1>>(8*i))
		}
		n.key = noKey
	} else {
		n.task, n.group = int32(uint32(in.Key0)), int32(in.Key0>>32)
	}
	in.Ops = n
	return 0
}

// Open implements vfs.NodeOps.
func (n *node) Open(c *vfs.Context, f *vfs.File) unix.Errno {
	r, e := n.request(c)
	if e != 0 {
		return e
	}
	if n.e.private && !r.mayTrace() {
		return unix.EACCES
	}
	if n.e.open != nil {
		return n.e.open(r, f)
	}
	if f.Writable() && n.e.store == nil {
		return unix.EACCES
	}
	f.Ops = textFile{n: n}
	return 0
}

// Reopen implements vfs.NodeOps.
func (n *node) Reopen(f *vfs.File) unix.Errno {
	if n.e.open != nil {
		return n.e.open(&request{node: n}, f)
	}
	f.Ops = textFile{n: n}
	return 0
}

// textFile is an open file whose text is made when it is read from the start.
type textFile struct {
	vfs.FileBase
	n *node
}

// Read implements vfs.FileOps.
func (t textFile) Read(c *vfs.Context, f *vfs.File, io *usermem.IO, off int64) (int, unix.Errno) {
	if off == 0 || f.Data == nil {
		r, e := t.n.request(c)
		if e != 0 {
			return 0, e
		}
		if t.n.e.show == nil {
			return 0, unix.EINVAL
		}
		text, e := t.n.e.show(r)
		if e != 0 {
			return 0, e
		}
		f.Data = text
	}
	if off >= int64(len(f.Data)) {
		return 0, 0
	}
	n, e := io.Put(f.Data[off:])
	if n > 0 {
		e = 0
	}
	return n, e
}

// maxWrite is the most that one write to a file of /proc may carry.
const maxWrite = 4096

// Write implements vfs.FileOps.
func (t textFile) Write(c *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	r, e := t.n.request(c)
	if e != 0 {
		return 0, e
	}
	if t.n.e.store == nil {
		return 0, unix.EINVAL
	}
	buf := make([]byte, min(io.Len(), maxWrite))
	n, e := io.Take(buf)
	if e != 0 {
		return 0, e
	}
	text := buf[:n]
	if i := bytes.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	if e := t.n.e.store(r, string(text)); e != 0 {
		return 0, e
	}
	return n, 0
}

// Seek implements vfs.FileOps: there is no end to seek from.
func (textFile) Seek(_ *vfs.Context, f *vfs.File, off int64, whence int) (int64, unix.Errno) {
	if whence == unix.SEEK_END {
		return 0, unix.EINVAL
	}
	return vfs.SeekTo(f, off, whence, 0)
}
