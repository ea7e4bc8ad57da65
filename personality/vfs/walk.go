package vfs

import (
	"bytes"

	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/personality/usermem"
)

// WalkFlags change how a path is walked.
type WalkFlags uint32

const (
	// Follow a symbolic link at the end.
	Follow WalkFlags = 1 << iota
	// Directory: the end must be a directory.
	Directory
	// Create: the last name may be absent; a trailing slash is allowed only for directories.
	Create
	// NoSlash: a slash after the last name is EISDIR (open(2) with O_CREAT).
	NoSlash
	// The rest is openat2(2)'s RESOLVE_*.
	NoCrossing
	NoMagic
	NoSymlinks
	Beneath
	InRoot
)

// LastKind says what the last component of a path was.
type LastKind uint8

const (
	LastName   LastKind = iota // an ordinary name
	LastDot                    // "."
	LastDotDot                 // ".."
	LastRoot                   // the path was only slashes
)

// Target is where a walk ended.
type Target struct {
	Parent Path   // directory of the last name
	Name   []byte // last name; valid until the next walk
	Last   LastKind
	Slash  bool // the path ended with a slash
	Path   Path // what the name stands for; Path.D is nil if there is no such name
}

// Exists reports whether the walk found something.
func (t *Target) Exists() bool { return t.Path.D != nil }

// ReadPath copies a path from the program. The result is valid until the next
// ReadPath; ENAMETOOLONG beyond PATH_MAX.
func (c *Context) ReadPath(va uint64) ([]byte, unix.Errno) {
	return c.readPath(c.V.pathBuffer[:], va)
}

// ReadPathKeep is ReadPath into memory of its own, for calls with two paths.
func (c *Context) ReadPathKeep(va uint64) ([]byte, unix.Errno) {
	p, e := c.ReadPath(va)
	if e != 0 {
		return nil, e
	}
	return bytes.Clone(p), 0
}

func (c *Context) readPath(buf []byte, va uint64) ([]byte, unix.Errno) {
	n := 0
	for n < len(buf) {
		s, e := c.Mem.Span(va+uint64(n), len(buf)-n, ipc.Read)
		if e != 0 {
			return nil, e
		}
		if i := bytes.IndexByte(s, 0); i >= 0 {
			n += copy(buf[n:], s[:i])
			return buf[:n:n], 0
		}
		n += copy(buf[n:], s)
	}
	return nil, unix.ENAMETOOLONG
}

// ReadString copies a short string that is no path.
func (c *Context) ReadString(va uint64, max int) (string, unix.Errno) {
	return usermem.String(c.Mem, va, max)
}

// Base is the directory that relative paths of an *at call start from.
func (c *Context) Base(dirfd int32, path []byte) (Path, unix.Errno) {
	if len(path) == 0 {
		return Path{}, unix.ENOENT // whatever the descriptor is
	}
	if path[0] == '/' || dirfd == unix.AT_FDCWD {
		return c.FS.Cwd, 0
	}
	f := c.Files.Get(dirfd)
	if f == nil {
		return Path{}, unix.EBADF
	}
	if !f.Inode.IsDir() {
		return Path{}, unix.ENOTDIR
	}
	return f.Path, 0
}

// Lookup walks a path that must exist.
func (c *Context) Lookup(dirfd int32, path []byte, flags WalkFlags) (Path, unix.Errno) {
	base, e := c.Base(dirfd, path)
	if e != 0 {
		return Path{}, e
	}
	var t Target
	if e := c.Walk(base, path, flags, &t); e != 0 {
		return Path{}, e
	}
	if t.Path.D == nil {
		return Path{}, unix.ENOENT
	}
	return t.Path, 0
}

// LookupAt is Lookup with the AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH flags of the *at calls.
func (c *Context) LookupAt(dirfd int32, path []byte, at int) (Path, unix.Errno) {
	if len(path) == 0 && at&unix.AT_EMPTY_PATH != 0 {
		if dirfd == unix.AT_FDCWD {
			return c.FS.Cwd, 0
		}
		f := c.Files.Get(dirfd)
		if f == nil {
			return Path{}, unix.EBADF
		}
		return f.Path, 0
	}
	flags := Follow
	if at&unix.AT_SYMLINK_NOFOLLOW != 0 {
		flags = 0
	}
	return c.Lookup(dirfd, path, flags)
}

// LookupParent walks to the directory of the last name, for calls that add or
// remove it.
func (c *Context) LookupParent(dirfd int32, path []byte, flags WalkFlags, t *Target) unix.Errno {
	base, e := c.Base(dirfd, path)
	if e != 0 {
		return e
	}
	return c.Walk(base, path, flags|Create, t)
}

// walker is the state of one walk.
type walker struct {
	flags WalkFlags
	root  Path
	base  Path
	links int
	// depth is how many of VFS.rest count.
	depth int
}

// Walk resolves path from base (path_resolution(7)).
func (c *Context) Walk(base Path, path []byte, flags WalkFlags, t *Target) unix.Errno {
	*t = Target{}
	if len(path) == 0 {
		return unix.ENOENT
	}
	w := walker{flags: flags, root: c.FS.Root, base: base}
	cur := base
	if flags&InRoot != 0 {
		w.root = base
	}
	if path[0] == '/' {
		if flags&Beneath != 0 {
			return unix.EXDEV
		}
		cur = w.root
	}
	for {
		// One component.
		i := 0
		for i < len(path) && path[i] == '/' {
			i++
		}
		path = path[i:]
		if len(path) == 0 {
			if w.depth > 0 {
				w.depth--
				path = c.V.rest[w.depth]
				continue
			}
			// Nothing but slashes: the root, or where an absolute link led.
			t.Parent, t.Path, t.Last, t.Slash = cur, cur, LastRoot, true
			return w.end(t)
		}
		i = 0
		for i < len(path) && path[i] != '/' {
			i++
		}
		name := path[:i]
		path = path[i:]
		i = 0
		for i < len(path) && path[i] == '/' {
			i++
		}
		final := i == len(path) && w.depth == 0
		if final && i > 0 {
			t.Slash = true
		}
		path = path[i:]

		in := cur.D.Inode
		if !in.IsDir() {
			return unix.ENOTDIR
		}
		if e := c.search(in); e != 0 {
			return e
		}
		if name[0] == '.' && (len(name) == 1 || len(name) == 2 && name[1] == '.') {
			last := LastDot
			parent := cur
			if len(name) == 2 {
				last = LastDotDot
				up, e := c.up(cur, &w)
				if e != 0 {
					return e
				}
				cur = up
			}
			if final {
				t.Parent, t.Path, t.Last, t.Name = parent, cur, last, name
				return w.end(t)
			}
			continue
		}
		if final && t.Slash && flags&NoSlash != 0 {
			return unix.EISDIR
		}
		if len(name) > NameMax {
			return unix.ENAMETOOLONG
		}
		d, e := c.lookup(cur.D, name)
		if e != 0 {
			return e
		}
		if d == nil {
			if !final || flags&Create == 0 {
				return unix.ENOENT
			}
			t.Parent, t.Name, t.Last = cur, name, LastName
			return 0
		}
		next := Path{cur.Mnt, d}
		if d.mounted > 0 {
			next = c.V.cover(next)
			if next.Mnt != cur.Mnt && flags&NoCrossing != 0 {
				return unix.EXDEV
			}
		}
		if next.D.Inode.Mode&unix.S_IFMT == unix.S_IFLNK && (!final || flags&Follow != 0 || t.Slash && flags&Create == 0) {
			target, jumped, e := c.follow(&w, next)
			if e != 0 {
				return e
			}
			if jumped.D != nil {
				cur = jumped
				if final {
					t.Parent, t.Path, t.Last, t.Name = cur, cur, LastName, name
					return w.end(t)
				}
				continue
			}
			if len(path) > 0 {
				c.V.rest[w.depth] = path
				w.depth++
			}
			path = target
			if target[0] == '/' {
				if flags&Beneath != 0 {
					return unix.EXDEV
				}
				if flags&NoCrossing != 0 && cur.Mnt != w.root.Mnt {
					return unix.EXDEV
				}
				cur = w.root
			}
			continue
		}
		if final {
			t.Parent, t.Path, t.Last, t.Name = cur, next, LastName, name
			return w.end(t)
		}
		cur = next
	}
}

// end checks what a found path must be.
func (w *walker) end(t *Target) unix.Errno {
	if w.flags&Create != 0 {
		return 0 // the call has its own errno for each case
	}
	if (w.flags&Directory != 0 || t.Slash) && !t.Path.D.Inode.IsDir() {
		return unix.ENOTDIR
	}
	return 0
}

// up is "..".
func (c *Context) up(cur Path, w *walker) (Path, unix.Errno) {
	for {
		if cur == w.root {
			if w.flags&Beneath != 0 {
				return cur, unix.EXDEV
			}
			return cur, 0
		}
		if w.flags&Beneath != 0 && cur == w.base {
			return cur, unix.EXDEV
		}
		if cur.D != cur.Mnt.Root {
			break
		}
		if cur.Mnt.Up == nil {
			return cur, 0
		}
		if w.flags&NoCrossing != 0 {
			return cur, unix.EXDEV
		}
		cur = Path{cur.Mnt.Up, cur.Mnt.Point}
	}
	return c.V.cover(Path{cur.Mnt, cur.D.Parent}), 0
}

// follow is a symbolic link on the way: its text, or the place a magic link jumps to.
func (c *Context) follow(w *walker, p Path) ([]byte, Path, unix.Errno) {
	w.links++
	if w.links > SymlinkMax || w.flags&NoSymlinks != 0 {
		return nil, Path{}, unix.ELOOP
	}
	in := p.D.Inode
	to, ok, e := in.Ops.Jump(c, in)
	if e != 0 {
		return nil, Path{}, e
	}
	if ok {
		if w.flags&NoMagic != 0 {
			return nil, Path{}, unix.ELOOP
		}
		if w.flags&(Beneath|InRoot) != 0 || w.flags&NoCrossing != 0 && to.Mnt != p.Mnt {
			return nil, Path{}, unix.EXDEV
		}
		return nil, to, 0
	}
	s, e := in.Ops.Readlink(c, in)
	if e != 0 {
		return nil, Path{}, e
	}
	if s == "" {
		return nil, Path{}, unix.ENOENT
	}
	return []byte(s), Path{}, 0
}

// Name is the absolute name of a path as the caller's root sees it, as getcwd(2)
// and /proc show it. reachable is false if it is outside of the root.
func (c *Context) Name(p Path) (name string, reachable bool) {
	return pathName(p, c.FS.Root)
}

// AbsoluteName is the name of a path from the first mount.
func (v *VFS) AbsoluteName(p Path) string {
	s, _ := pathName(p, Path{v.Root, v.Root.Root})
	return s
}

func pathName(p, root Path) (string, bool) {
	if p.D.Parent == p.D && p.Mnt.hidden {
		return hiddenName(p.D), true
	}
	var parts []*Dentry
	n := 0
	reachable := true
	for p != root {
		if p.D == p.Mnt.Root {
			if p.Mnt.Up == nil {
				reachable = false
				break
			}
			p = Path{p.Mnt.Up, p.Mnt.Point}
			continue
		}
		if p.D.Parent == p.D {
			reachable = false
			break
		}
		parts = append(parts, p.D)
		n += len(p.D.Name) + 1
		p.D = p.D.Parent
	}
	if len(parts) == 0 {
		return "/", reachable
	}
	b := make([]byte, 0, n+len(deleted))
	for i := len(parts) - 1; i >= 0; i-- {
		b = append(b, '/')
		b = append(b, parts[i].Name...)
	}
	if !parts[0].linked && parts[0].Inode.Super.InCore {
		b = append(b, deleted...)
	}
	return string(b), reachable
}

// hiddenName is how /proc shows a file that has no name.
func hiddenName(d *Dentry) string {
	if d.Name != "" {
		return d.Name
	}
	kind := "pipe:["
	if d.Inode.Type() == unix.S_IFSOCK {
		kind = "socket:["
	}
	return kind + itoa(d.Inode.Ino) + "]"
}

// deleted marks the names of removed files in /proc.
const deleted = " (deleted)"
