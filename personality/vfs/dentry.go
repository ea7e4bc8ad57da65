package vfs

import (
	"sort"

	"golang.org/x/sys/unix"
)

// Dentry is a name in a directory.
type Dentry struct {
	ID     uint64
	Name   string
	Parent *Dentry // itself for the root of an instance and for files without a name
	Inode  *Inode
	// Cookie is the position in the directory: names keep theirs while others come and go.
	Cookie uint64

	hash    uint32
	linked  bool  // it is in its parent's directory
	holds   bool  // it pins its parent: computed file systems only
	refs    int32 // pinned paths
	mounted int32 // mounts on it
	slot    int32 // in the parent's entries
	dir     *directory
}

// Path is a place in the tree of names.
type Path struct {
	Mnt *Mount
	D   *Dentry
}

// Inode of the place.
func (p Path) Inode() *Inode { return p.D.Inode }

// Linked reports whether the name still exists.
func (d *Dentry) Linked() bool { return d.linked || d.Parent == d }

// directory holds the entries of a directory in the order of their cookies.
type directory struct {
	entries []dirEntry
	live    int
	// index is an open-addressed hash table of entry numbers + 1, used once there
	// are more than smallDirectory entries. -1 marks a removed one.
	index []int32
	used  int // index slots not 0
}

type dirEntry struct {
	hash   uint32
	cookie uint64
	d      *Dentry // nil: removed
}

const smallDirectory = 8

// hashName is FNV-1a: deterministic, and short for short names.
func hashName[S string | []byte](name S) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(name); i++ {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return h
}

// find returns the entry of a name, or nil.
func (dir *directory) find(name []byte) *Dentry {
	h := hashName(name)
	if dir.index == nil {
		for i := range dir.entries {
			e := &dir.entries[i]
			if e.hash == h && e.d != nil && e.d.Name == string(name) {
				return e.d
			}
		}
		return nil
	}
	mask := uint32(len(dir.index) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		k := dir.index[i]
		if k == 0 {
			return nil
		}
		if k > 0 {
			e := &dir.entries[k-1]
			if e.hash == h && e.d != nil && e.d.Name == string(name) {
				return e.d
			}
		}
	}
}

func (dir *directory) add(d *Dentry) {
	d.slot = int32(len(dir.entries))
	dir.entries = append(dir.entries, dirEntry{d.hash, d.Cookie, d})
	dir.live++
	switch {
	case dir.index == nil && dir.live > smallDirectory, dir.index != nil && dir.used*4 >= len(dir.index)*3:
		dir.rebuild()
	case dir.index != nil:
		dir.insert(d.hash, d.slot)
	}
}

func (dir *directory) insert(h uint32, slot int32) {
	mask := uint32(len(dir.index) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		if dir.index[i] == 0 {
			dir.index[i] = slot + 1
			dir.used++
			return
		}
	}
}

func (dir *directory) remove(d *Dentry) {
	if dir.index != nil {
		mask := uint32(len(dir.index) - 1)
		i := d.hash & mask
		for dir.index[i] != d.slot+1 {
			i = (i + 1) & mask
		}
		dir.index[i] = -1
	}
	dir.entries[d.slot].d = nil
	dir.live--
	if len(dir.entries) > 2*smallDirectory && dir.live*2 < len(dir.entries) {
		dir.rebuild()
	}
}

// rebuild drops removed entries and makes the index fit.
func (dir *directory) rebuild() {
	kept := dir.entries[:0]
	for _, e := range dir.entries {
		if e.d != nil {
			e.d.slot = int32(len(kept))
			kept = append(kept, e)
		}
	}
	clear(dir.entries[len(kept):])
	dir.entries = kept
	dir.index, dir.used = nil, 0
	if dir.live <= smallDirectory {
		return
	}
	size := 32
	for size < dir.live*3 {
		size *= 2
	}
	dir.index = make([]int32, size)
	for i := range dir.entries {
		dir.insert(dir.entries[i].hash, int32(i))
	}
}

// from returns the index of the first entry whose cookie is at least cookie.
func (dir *directory) from(cookie uint64) int {
	return sort.Search(len(dir.entries), func(i int) bool { return dir.entries[i].cookie >= cookie })
}

// firstCookie is the cookie of the first name: 0 and 1 are "." and "..".
const firstCookie = 2

// NewRoot makes the root dentry of an instance.
func (v *VFS) NewRoot(s *Super, in *Inode) *Dentry {
	d := &Dentry{ID: v.NewID(), Inode: in}
	d.Parent = d
	if in.IsDir() {
		d.dir = &directory{}
		in.NextCookie = firstCookie
	}
	s.Root = d
	return d
}

// newDentry makes a dentry that is in no directory yet.
func (v *VFS) newDentry(parent *Dentry, name string, in *Inode) *Dentry {
	d := &Dentry{ID: v.NewID(), Name: name, Parent: parent, Inode: in, hash: hashName(name)}
	if in.IsDir() {
		d.dir = &directory{}
		if in.NextCookie == 0 {
			in.NextCookie = firstCookie
		}
	}
	return d
}

// link puts a dentry into its parent's directory.
func (d *Dentry) link() {
	p := d.Parent.Inode
	d.Cookie = p.NextCookie
	p.NextCookie++
	d.linked = true
	d.Parent.dir.add(d)
}

// unlink takes a dentry out of its parent's directory.
func (d *Dentry) unlink() {
	d.Parent.dir.remove(d)
	d.linked = false
}

// AddChild gives an inode a name in an in-core directory: how a file system
// fills itself. The link counts are the caller's.
func (v *VFS) AddChild(parent *Dentry, name string, in *Inode) *Dentry {
	d := v.newDentry(parent, name, in)
	d.link()
	return d
}

// RemoveChild takes a name away and drops the link.
func (v *VFS) RemoveChild(d *Dentry) {
	d.unlink()
	d.Inode.Nlink--
	if d.Inode.IsDir() {
		d.Inode.Nlink = 0
		d.Parent.Inode.Nlink--
	}
	v.mayEvict(d.Inode)
}

// Child finds a name in an in-core directory, or nil.
func (v *VFS) Child(parent *Dentry, name string) *Dentry {
	if e := v.load(parent); e != 0 {
		return nil
	}
	return parent.dir.find([]byte(name))
}

// Empty reports whether an in-core directory has no names.
func (d *Dentry) Empty() bool { return d.dir.live == 0 }

// load makes the entries of a directory that is still only in the boot image.
func (v *VFS) load(d *Dentry) unix.Errno {
	if d.Inode.Image == 0 {
		return 0
	}
	return d.Inode.Ops.Load(v, d)
}

// lookup finds a name in a directory. A nil dentry with errno 0: no such name.
func (c *Context) lookup(parent *Dentry, name []byte) (*Dentry, unix.Errno) {
	if parent.Inode.Super.InCore {
		if parent.Inode.Image != 0 {
			if e := c.V.load(parent); e != 0 {
				return nil, e
			}
		}
		return parent.dir.find(name), 0
	}
	if d := parent.dir.find(name); d != nil {
		if d.Inode.Ops.Valid(d.Inode) {
			return d, 0
		}
		d.unlink()
	}
	in, e := parent.Inode.Ops.Lookup(c, parent.Inode, string(name))
	if e == unix.ENOENT {
		return nil, 0
	}
	if e != 0 {
		return nil, e
	}
	return c.V.newDentry(parent, string(name), in), 0
}

// Pin keeps a path alive: its dentry, inode and mount.
func (p Path) Pin() {
	p.Mnt.refs++
	p.D.pin()
}

func (d *Dentry) pin() {
	d.refs++
	d.Inode.refs++
	if d.refs == 1 && !d.Inode.Super.InCore && d.Parent != d && !d.holds {
		d.holds = true
		if !d.linked && d.Parent.dir.find([]byte(d.Name)) == nil {
			d.link()
		}
		d.Parent.pin()
	}
}

// Unpin undoes Pin.
func (v *VFS) Unpin(p Path) {
	p.Mnt.refs--
	v.unpin(p.D)
}

func (v *VFS) unpin(d *Dentry) {
	d.refs--
	if d.refs == 0 && d.holds {
		d.holds = false
		if d.linked {
			d.unlink()
		}
		v.unpin(d.Parent)
	}
	v.unref(d.Inode)
}
