package vfs

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/wait"
)

// Env is what the file layer needs of the personality's core.
type Env interface {
	// Now is the time of the event being handled, ns since boot.
	Now() int64
	// WallNow is the same instant in ns since the epoch.
	WallNow() int64
	// NewID draws from the one counter of object ids. It is never 0.
	NewID() uint64
	// RoomFor tells whether the personality can have n bytes more for itself; if not: ENOMEM.
	RoomFor(n uint64) bool
}

// FSType is a kind of file system that can be mounted.
type FSType interface {
	// Name as in /proc/filesystems.
	Name() string
	// Mount makes an instance, with at least its root inode. Data is mount(2)'s.
	Mount(c *Context, source, data string) (*Super, unix.Errno)
	// RestoreSuper sets Ops after an import.
	RestoreSuper(s *Super) unix.Errno
	// RestoreInode sets Ops after an import.
	RestoreInode(in *Inode) unix.Errno
}

// Module is a part of the file layer with objects of its own in the state:
// pipes, sockets, event files.
type Module interface {
	// Export sets the module's objects, sorted by id.
	Export(t *state.VFST)
	// Import makes the objects. Inodes, dentries and mounts exist, files do not.
	Import(t *state.VFST, r *Restorer) unix.Errno
	// Relink sets the pointers to files, when they exist.
	Relink(r *Restorer) unix.Errno
}

// Device is the driver behind device nodes of one major number.
type Device interface {
	// Open sets f.Ops. f.Inode.Rdev says which device.
	Open(c *Context, f *File) unix.Errno
	// Reopen sets f.Ops again after an import.
	Reopen(f *File) unix.Errno
}

// Kind gives operations to files that do not get them from their inode.
type Kind interface {
	// Reopen sets f.Ops again after an import, from f.Kind, f.Key0 and f.Key1.
	Reopen(f *File) unix.Errno
}

// The kinds of files without an inode of their own (File.Kind).
const (
	KindInode    = iota // operations come from the inode
	KindEventFD         // Key0: object
	KindTimerFD         // Key0: object
	KindSignalFD        // Key0: the mask
	KindEpoll           // Key0: object
	KindPidFD           // Key0: the core's
	KindListener        // Key0: the core's
	KindSegment         // Key0: identifier of a segment of shared memory
	KindInotify         // Key0: object
	// KindOther is the first number free for others.
	KindOther = 64
)

// The kinds of files of bpf(2) and perf_event_open(2).
const (
	KindBPFMap     = 16 + iota // Key0: number of the map
	KindBPFProgram             // Key0: number of the program
	KindBTF                    // Key0: number of the types
	KindBPFLink                // Key0: number of the link
	KindPerfEvent              // Key0: object
	KindPerfOutput             // Key0: object
)

// Limits named by the documentation.
const (
	// MaxOpenFiles is the number of open file descriptions in the system (fs.file-max).
	MaxOpenFiles = 65536
	// MaxMounts is the number of mounts (fs.mount-max).
	MaxMounts = 10000
	// MaxDescriptors is the highest RLIMIT_NOFILE (fs.nr_open).
	MaxDescriptors = 1 << 20
	// NameMax is the longest name of a directory entry in bytes.
	NameMax = 255
	// PathMax is the longest path in bytes, the NUL counted.
	PathMax = 4096
	// SymlinkMax is how many symbolic links one walk follows.
	SymlinkMax = 40
)

// VFS holds every file system object of the personality.
type VFS struct {
	Env
	Waits *wait.Table

	// Current is the calling thread (Context.Task), for files whose state depends
	// on who asks: signalfd.
	Current any

	// Memory is how many pages there are and how many are free, for statfs(2).
	Memory func() (total, free uint64)

	// Observer is told what happens to inodes that have InodeObserved. Observed is how many have: where
	// there are none, reading and writing pay nothing for it.
	Observer Observer
	Observed int

	// Root is the first mount.
	Root *Mount
	// anon is the mount of files that have no name: pipes, sockets, event files.
	anon *Mount

	types   []FSType
	modules []Module
	chars   [512]Device // by major number
	kinds   map[uint32]Kind
	fifo    FIFO

	mounts  []*Mount
	supers  []*Super
	files   registry[*File]
	tables  registry[*FDTable]
	fss     registry[*FSContext]
	waits   []lockWait
	nextDev uint32

	nextMountOrder  uint64
	nextMountNumber uint32

	pathBuffer [PathMax]byte
	// rest are the unwalked ends of the paths that links interrupted, innermost
	// last. Here and not in the walk, which would have to clear it each time.
	rest [SymlinkMax][]byte
}

// FIFO is the pipe module as the file layer sees it: it opens named pipes of
// every file system.
type FIFO interface {
	// Open opens a FIFO. EAGAIN: the peer is missing; wait for WaitID of the inode's pipe.
	Open(c *Context, f *File) unix.Errno
	Reopen(f *File) unix.Errno
}

// New makes an empty file layer with the anonymous file system mounted nowhere.
func New(env Env, waits *wait.Table) *VFS {
	v := &VFS{Env: env, Waits: waits, kinds: map[uint32]Kind{}}
	v.types = append(v.types, anonType{})
	return v
}

// RegisterType makes a file system known to mount(2), in the order of /proc/filesystems.
func (v *VFS) RegisterType(t FSType) { v.types = append(v.types, t) }

// RegisterModule adds a module to export and import.
func (v *VFS) RegisterModule(m Module) { v.modules = append(v.modules, m) }

// RegisterChar makes d the driver of a major number of character devices.
func (v *VFS) RegisterChar(major uint32, d Device) { v.chars[major] = d }

// RegisterKind says who restores files of a kind.
func (v *VFS) RegisterKind(kind uint32, k Kind) { v.kinds[kind] = k }

// RegisterFIFO sets who opens named pipes.
func (v *VFS) RegisterFIFO(f FIFO) { v.fifo = f }

// Types lists the registered file systems in order.
func (v *VFS) Types() []FSType { return v.types }

// TypeByName finds a registered file system, or nil.
func (v *VFS) TypeByName(name string) FSType {
	for _, t := range v.types {
		if t.Name() == name {
			return t
		}
	}
	return nil
}

// slotted is an object that remembers its place in a registry.
type slotted interface{ slotOf() *int32 }

// registry is a set of objects with constant-time add and remove, without a map.
type registry[T slotted] struct{ all []T }

func (r *registry[T]) add(x T) {
	*x.slotOf() = int32(len(r.all))
	r.all = append(r.all, x)
}

func (r *registry[T]) remove(x T) {
	i := *x.slotOf()
	last := len(r.all) - 1
	r.all[i] = r.all[last]
	*r.all[i].slotOf() = i
	var zero T
	r.all[last] = zero
	r.all = r.all[:last]
}
