// Package tmpfs is the file system in memory: the root, /tmp, /dev, /dev/shm and
// the files of memfd_create. Names are the dentries of package vfs; contents are
// memory objects of the pager. The root starts as the boot image: directories are
// read from its index and files adopt its pages when they are first needed.
package tmpfs

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"starling/ipc/rootfs"
	"starling/personality/vfs"
	"starling/personality/vfs/content"
)

// Type is tmpfs as a kind of file system. It implements vfs.FSType, vfs.Maker and
// vfs.NodeOps.
type Type struct {
	vfs.NodeBase
	name   string
	v      *vfs.VFS
	store  content.Store
	image  *rootfs.Image
	offset uint64 // of the image in the boot bundle
	// linked finds files of the image that have several names, by entry.
	linked map[uint32]*vfs.Inode
	memfds *vfs.Mount
}

// New makes the type and registers it. The name is "tmpfs", or "devtmpfs" for /dev.
func New(v *vfs.VFS, store content.Store, name string) *Type {
	t := &Type{name: name, v: v, store: store, linked: map[uint32]*vfs.Inode{}}
	v.RegisterType(t)
	v.RegisterModule(module{t})
	return t
}

// SetImage gives the root file system's image, which starts at offset of the boot bundle.
func (t *Type) SetImage(im *rootfs.Image, offset uint64) { t.image, t.offset = im, offset }

// Name implements vfs.FSType.
func (t *Type) Name() string { return t.name }

// NewSuper makes an instance with an empty root directory.
func (t *Type) NewSuper(mode uint32, options string) *vfs.Super {
	s := t.v.NewSuper(t, options)
	s.InCore, s.Maker = true, t
	s.PageLimit = t.store.TotalPages() / 2
	s.InodeLimit = s.PageLimit
	in := t.inode(s, unix.S_IFDIR|mode)
	in.Nlink = 2
	t.v.NewRoot(s, in)
	return s
}

// NewRoot makes the instance whose contents are the image, which do not count against its limits: those of
// any tmpfs, so that files leave memory for programs.
func (t *Type) NewRoot() *vfs.Super {
	s := t.NewSuper(0755, "")
	if t.image != nil {
		s.InodeLimit += uint64(t.image.Len())
		t.fill(s.Root.Inode, 0)
		s.Root.Inode.Image = 1
	}
	return s
}

// Mount implements vfs.FSType (tmpfs(5)).
func (t *Type) Mount(c *vfs.Context, source, data string) (*vfs.Super, unix.Errno) {
	s := t.NewSuper(01777, "")
	var shown []string
	for _, option := range strings.Split(data, ",") {
		key, value, _ := strings.Cut(option, "=")
		switch key {
		case "":
		case "size", "nr_blocks":
			n, percent, ok := size(value)
			switch {
			case !ok:
				return nil, unix.EINVAL
			case percent:
				n = t.store.TotalPages() * n / 100
			case key == "size":
				n = (n + content.PageSize - 1) / content.PageSize
			}
			s.PageLimit = n
			shown = append(shown, "size="+strconv.FormatUint(n*content.PageSize/1024, 10)+"k")
		case "nr_inodes":
			n, percent, ok := size(value)
			if !ok || percent {
				return nil, unix.EINVAL
			}
			s.InodeLimit = n
			shown = append(shown, "nr_inodes="+strconv.FormatUint(n, 10))
		case "mode":
			m, err := strconv.ParseUint(value, 8, 32)
			if err != nil {
				return nil, unix.EINVAL
			}
			s.Root.Inode.Mode = unix.S_IFDIR | uint32(m)&07777
			shown = append(shown, "mode="+strconv.FormatUint(m&07777, 8))
		case "uid", "gid":
			id, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				return nil, unix.EINVAL
			}
			if key == "uid" {
				s.Root.Inode.Uid = uint32(id)
			} else {
				s.Root.Inode.Gid = uint32(id)
			}
			shown = append(shown, option)
		default:
			return nil, unix.EINVAL
		}
	}
	s.Options = strings.Join(shown, ",")
	return s, 0
}

// size parses a number with a suffix k, m, g or %.
func size(s string) (n uint64, percent, ok bool) {
	shift := 0
	if s != "" {
		switch s[len(s)-1] | 0x20 {
		case 'k':
			shift = 10
		case 'm':
			shift = 20
		case 'g':
			shift = 30
		case '%' | 0x20:
			percent = true
		}
	}
	if shift != 0 || percent {
		s = s[:len(s)-1]
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil || n<<shift>>shift != n {
		return 0, false, false
	}
	return n << shift, percent, true
}

// RestoreSuper implements vfs.FSType.
func (t *Type) RestoreSuper(s *vfs.Super) unix.Errno {
	s.InCore, s.Maker = true, t
	return 0
}

// RestoreInode implements vfs.FSType.
func (t *Type) RestoreInode(in *vfs.Inode) unix.Errno {
	in.Ops = t
	if in.Key0 != 0 {
		t.linked[uint32(in.Key0)] = in
	}
	return 0
}

// Make implements vfs.Maker.
func (t *Type) Make(_ *vfs.Context, s *vfs.Super, mode uint32) (*vfs.Inode, unix.Errno) {
	if s.InodeLimit != 0 && s.Inodes >= s.InodeLimit {
		return nil, unix.ENOSPC
	}
	return t.inode(s, mode), 0
}

func (t *Type) inode(s *vfs.Super, mode uint32) *vfs.Inode {
	s.Inodes++
	return t.v.NewInode(s, mode, t)
}

// Evict implements vfs.NodeOps.
func (t *Type) Evict(_ *vfs.VFS, in *vfs.Inode) {
	in.Super.Inodes--
	in.Super.Pages -= in.Pages
	in.Pages = 0
	if in.Object != 0 {
		t.store.Destroy(in.Object)
		in.Object = 0
	}
	if in.Key0 != 0 {
		delete(t.linked, uint32(in.Key0))
	}
}

// Kept implements vfs.Keeper: a file whose remaining names are still in the image.
func (t *Type) Kept(s *vfs.Super, keep func(*vfs.Inode)) {
	for _, in := range t.linked {
		if in.Super == s {
			keep(in)
		}
	}
}
