package tmpfs

import (
	"bytes"
	"strings"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
)

// fill gives an inode the attributes of an entry of the image.
func (t *Type) fill(in *vfs.Inode, i int) {
	e := t.image.Entry(i)
	in.Uid, in.Gid = e.Uid(), e.Gid()
	in.Mode = e.Mode()
	in.Rdev = uint64(e.Device())
	ns := e.Mtime()*1_000_000_000 + int64(e.MtimeNanoseconds())
	in.Atime, in.Mtime, in.Ctime, in.Btime = ns, ns, ns, ns
	switch in.Type() {
	case unix.S_IFLNK:
		in.Target = string(t.image.Target(i))
		in.Size = int64(len(in.Target))
	case unix.S_IFREG:
		in.Size = int64(e.Size())
		if in.Size > 0 {
			in.Image = uint32(i) + 1
		}
	case unix.S_IFDIR:
		in.Image = uint32(i) + 1
		in.Nlink = 2
	}
}

// Load implements vfs.NodeOps: the names of a directory of the image. A
// directory is a run of entries that begin with its path; what is deeper is
// skipped by searching, so the cost is that of the direct children.
func (t *Type) Load(v *vfs.VFS, dir *vfs.Dentry) unix.Errno {
	if t.image == nil {
		return unix.EIO
	}
	prefix := bytes.Clone(t.image.Path(int(dir.Inode.Image - 1)))
	dir.Inode.Image = 0
	if len(prefix) > 0 {
		prefix = append(prefix, '/')
	}
	at := 1 // after the root
	if len(prefix) > 0 {
		at, _ = t.image.Find(string(prefix))
	}
	for at < t.image.Len() {
		path := t.image.Path(at)
		if !bytes.HasPrefix(path, prefix) {
			break
		}
		name := string(path[len(prefix):])
		if slash := strings.IndexByte(name, '/'); slash >= 0 {
			// Below a child: on to what sorts after everything under it.
			at, _ = t.image.Find(string(prefix) + name[:slash] + "0")
			continue
		}
		t.entry(dir, name, at)
		at++
	}
	return 0
}

// entry adds one name of the image.
func (t *Type) entry(dir *vfs.Dentry, name string, i int) {
	e := t.image.Entry(i)
	s := dir.Inode.Super
	if e.Links() > 1 && e.Mode()&unix.S_IFMT != unix.S_IFDIR {
		// Several names: the first that is loaded makes the file.
		first := e.Inode()
		in := t.linked[first+1]
		if in == nil {
			in = t.inode(s, e.Mode())
			t.fill(in, int(first))
			in.Nlink = e.Links()
			in.Key0 = uint64(first) + 1
			t.linked[first+1] = in
		}
		t.v.AddChild(dir, name, in)
		return
	}
	in := t.inode(s, e.Mode())
	t.fill(in, i)
	t.v.AddChild(dir, name, in)
	if in.IsDir() {
		dir.Inode.Nlink++
	}
}

// adopt makes the pages of the image the contents of the file.
func (t *Type) adopt(in *vfs.Inode) unix.Errno {
	if in.Image == 0 {
		return 0
	}
	if t.image == nil {
		return unix.EIO
	}
	e := t.image.Entry(int(in.Image - 1))
	if e.Stored() == 0 {
		in.Image = 0
		return t.own(in)
	}
	o, errno := t.store.Adopt(t.offset+e.Offset(), e.Stored())
	if errno != 0 {
		return errno
	}
	in.Object, in.Capacity, in.Image = o, e.Stored(), 0
	in.Flags |= vfs.InodeAdopted
	return 0
}
