package vfs

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/wait"
)

// InodeFlags of state.Inode.Flags.
const (
	// InodeAppendOnly and InodeImmutable are chattr's.
	InodeAppendOnly = 1 << iota
	InodeImmutable
	// InodeDead: an empty directory that was removed; nothing can be made in it.
	InodeDead
	// InodeAdopted: the object's pages are those of the boot image.
	InodeAdopted
	// InodeMapped: the memory object was handed to mmap; its size must be exact.
	InodeMapped
	// InodeUnnamed: made with O_TMPFILE; linkat may give it its first name.
	InodeUnnamed
	// InodeNameless: it never has a name, whatever its link count says.
	InodeNameless
	// InodeSealable: a memfd that allows seals.
	InodeSealable
	// InodeOwnOpen: its Ops open it, whatever its type.
	InodeOwnOpen
	// InodeFixedMode and InodeFixed: the file system does not let the mode, or any attribute, be changed.
	InodeFixedMode
	InodeFixed
	// InodeFlushed: its files want to hear of every descriptor that is closed (Flusher).
	InodeFlushed
	// InodeObserved: somebody watches it (VFS.Observer).
	InodeObserved
)

// Inode is a file of any type.
type Inode struct {
	state.InodeT
	Super *Super
	Ops   NodeOps
	// Private is the object behind the inode: *pipe.Pipe, *socket.Socket.
	Private any

	refs        int32 // pinned paths
	writers     int32 // open files that may write
	executing   int32 // programs running from it
	locks       *lockList
	sharedWrite int32 // shared mappings that may be written
}

// NodeOps is what a file system does with its inodes. Embed NodeBase for the
// refusals of what a file system does not have.
type NodeOps interface {
	// Lookup finds a name in a directory that is not in core. ENOENT if absent.
	Lookup(c *Context, dir *Inode, name string) (*Inode, unix.Errno)
	// Readdir calls out.Emit for the entries of a directory that is not in core from
	// position pos on, "." and ".." excepted, until Emit returns false. Positions
	// are the file system's, above 1.
	Readdir(c *Context, dir *Inode, pos int64, out *DirSink) unix.Errno
	// Load makes the entries of an in-core directory whose Image is not 0.
	Load(v *VFS, dir *Dentry) unix.Errno

	// Open sets f.Ops of a regular file or directory being opened.
	Open(c *Context, f *File) unix.Errno
	// Reopen sets f.Ops after an import.
	Reopen(f *File) unix.Errno
	// Readlink is the text of a symbolic link.
	Readlink(c *Context, in *Inode) (string, unix.Errno)
	// Jump is where a magic link leads. ok is false for ordinary links.
	Jump(c *Context, in *Inode) (p Path, ok bool, e unix.Errno)
	// Refresh brings computed attributes up to date before they are shown.
	Refresh(c *Context, in *Inode)
	// Valid reports whether a computed inode still stands for something.
	Valid(in *Inode) bool
	// Check may refuse an access beyond the mode bits. want is a mask of MayRead...
	Check(c *Context, in *Inode, want uint32) unix.Errno

	// Truncate sets the size of a regular file.
	Truncate(c *Context, in *Inode, size int64) unix.Errno
	// Fallocate is fallocate(2); the arguments are checked.
	Fallocate(c *Context, in *Inode, mode uint32, off, length int64) unix.Errno
	// Seek finds data or a hole (SEEK_DATA, SEEK_HOLE) at or after off.
	Seek(c *Context, in *Inode, off int64, whence int) (int64, unix.Errno)
	// Evict releases what a file without names and users holds.
	Evict(v *VFS, in *Inode)
}

// NodeBase refuses everything. It is embedded.
type NodeBase struct{}

// Lookup implements NodeOps.
func (NodeBase) Lookup(*Context, *Inode, string) (*Inode, unix.Errno) { return nil, unix.ENOENT }

// Readdir implements NodeOps.
func (NodeBase) Readdir(*Context, *Inode, int64, *DirSink) unix.Errno { return 0 }

// Load implements NodeOps.
func (NodeBase) Load(*VFS, *Dentry) unix.Errno { return 0 }

// Open implements NodeOps.
func (NodeBase) Open(*Context, *File) unix.Errno { return unix.ENXIO }

// Reopen implements NodeOps.
func (NodeBase) Reopen(*File) unix.Errno { return unix.ENXIO }

// Readlink implements NodeOps.
func (NodeBase) Readlink(_ *Context, in *Inode) (string, unix.Errno) { return in.Target, 0 }

// Jump implements NodeOps.
func (NodeBase) Jump(*Context, *Inode) (Path, bool, unix.Errno) { return Path{}, false, 0 }

// Refresh implements NodeOps.
func (NodeBase) Refresh(*Context, *Inode) {}

// Valid implements NodeOps.
func (NodeBase) Valid(*Inode) bool { return true }

// Check implements NodeOps.
func (NodeBase) Check(*Context, *Inode, uint32) unix.Errno { return 0 }

// Truncate implements NodeOps.
func (NodeBase) Truncate(*Context, *Inode, int64) unix.Errno { return unix.EINVAL }

// Fallocate implements NodeOps.
func (NodeBase) Fallocate(*Context, *Inode, uint32, int64, int64) unix.Errno {
	return unix.EOPNOTSUPP
}

// Seek implements NodeOps: one piece of data up to the size.
func (NodeBase) Seek(_ *Context, in *Inode, off int64, whence int) (int64, unix.Errno) {
	if off < 0 || off >= in.Size {
		return 0, unix.ENXIO
	}
	if whence == unix.SEEK_HOLE {
		return in.Size, 0
	}
	return off, 0
}

// Evict implements NodeOps.
func (NodeBase) Evict(*VFS, *Inode) {}

// Type is the file type bits of the mode (S_IFMT).
func (in *Inode) Type() uint32 { return in.Mode & unix.S_IFMT }

// openType is the type that decides who opens the file; 0: its own Ops.
func (in *Inode) openType() uint32 {
	if in.Flags&InodeOwnOpen != 0 {
		return 0
	}
	return in.Type()
}

// IsDir reports whether in is a directory.
func (in *Inode) IsDir() bool { return in.Mode&unix.S_IFMT == unix.S_IFDIR }

// IsRegular reports whether in is a regular file.
func (in *Inode) IsRegular() bool { return in.Mode&unix.S_IFMT == unix.S_IFREG }

// WaitID is the id waiters for locks of the inode use.
func (in *Inode) WaitID() wait.ID { return wait.ID(in.Id) }

// DenyWrite notes that a program runs from the file. ETXTBSY while it is open for writing.
func (in *Inode) DenyWrite() unix.Errno {
	if in.writers > 0 {
		return unix.ETXTBSY
	}
	in.executing++
	return 0
}

// AllowWrite undoes DenyWrite.
func (in *Inode) AllowWrite() { in.executing-- }

// Executing notes a running program again after an import.
func (in *Inode) Executing() { in.executing++ }

// Super is an instance of a file system.
type Super struct {
	state.SuperT
	FSType FSType
	// InCore: the dentries are the directories.
	InCore bool
	Root   *Dentry
	// Maker makes inodes for names created in the file system; nil: read-only.
	Maker Maker
	// refs counts mounts.
	refs int32
}

// Maker makes new inodes of an in-core file system.
type Maker interface {
	// Make makes an inode without a name. Mode has the type bits.
	Make(c *Context, s *Super, mode uint32) (*Inode, unix.Errno)
}

// NewSuper makes an instance of a file system with a device number of its own.
func (v *VFS) NewSuper(t FSType, options string) *Super {
	v.nextDev++
	s := &Super{FSType: t}
	s.Id, s.Type, s.Options = v.NewID(), t.Name(), options
	s.Dev = unix.Mkdev(0, v.nextDev)
	s.NextIno = 1
	v.supers = append(v.supers, s)
	return s
}

// NewInode makes an inode with the next number of its instance, owned by root, all
// times now.
func (v *VFS) NewInode(s *Super, mode uint32, ops NodeOps) *Inode {
	in := &Inode{Super: s, Ops: ops}
	in.Id, in.Mode, in.Ino = v.NewID(), mode, s.NextIno
	s.NextIno++
	now := v.WallNow()
	in.Atime, in.Mtime, in.Ctime, in.Btime = now, now, now, now
	in.Nlink = 1
	return in
}

// ProcessDirectory is implemented by nodes that may stand for a process in
// pidfd_send_signal(2): the directories /proc/PID.
type ProcessDirectory interface {
	ProcessID() (pid int32, is bool)
}

// Attachment is an Inode.Private that ends with its inode: a pipe.
type Attachment interface{ InodeGone() }

// unref drops one use of the inode; a file that has neither name nor user goes.
func (v *VFS) unref(in *Inode) {
	in.refs--
	v.mayEvict(in)
}

func (v *VFS) mayEvict(in *Inode) {
	if in.refs == 0 && (in.Nlink == 0 || in.Flags&InodeNameless != 0) {
		if in.Flags&InodeObserved != 0 {
			v.Observer.Gone(in)
		}
		if a, ok := in.Private.(Attachment); ok {
			a.InodeGone()
		}
		in.Ops.Evict(v, in)
	}
}

// AddWritableMapping counts shared mappings that may be written: seals look at it. The
// memory manager calls it with 1 and -1.
func (in *Inode) AddWritableMapping(n int32) { in.sharedWrite += n }

// WritableMappings is the number of shared mappings that may be written.
func (in *Inode) WritableMappings() int32 { return in.sharedWrite }
