package vfs

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/usermem"
	"starling/personality/wait"
)

// FileModes of state.File.Modes.
const (
	ModeRead  = 1 << iota // open for reading
	ModeWrite             // open for writing
	ModeSeek              // it has a position
	ModePath              // O_PATH
)

// File is an open file description.
type File struct {
	state.FileT
	Path
	Inode *Inode
	Ops   FileOps
	// Private is the object behind the file, for its Ops.
	Private any

	refs     int32
	slot     int32
	watchers []Watcher
}

func (f *File) slotOf() *int32 { return &f.slot }

// Watcher is told when an open file description goes: epoll.
type Watcher interface{ FileClosed(v *VFS, f *File) }

// Watch adds w to those told when f goes.
func (f *File) Watch(w Watcher) { f.watchers = append(f.watchers, w) }

// Unwatch undoes Watch.
func (f *File) Unwatch(w Watcher) {
	for i := range f.watchers {
		if f.watchers[i] == w {
			f.watchers = append(f.watchers[:i:i], f.watchers[i+1:]...)
			return
		}
	}
}

// FileOps is what can be done with an open file. Embed FileBase for the refusals.
type FileOps interface {
	// Read moves bytes to io. off is the position for files with ModeSeek. 0 bytes is
	// the end. EAGAIN: nothing there yet, wait for In.
	Read(c *Context, f *File, io *usermem.IO, off int64) (int, unix.Errno)
	// Write takes bytes from io. Fewer bytes with EAGAIN: a blocking caller
	// waits for Out and goes on with the rest.
	Write(c *Context, f *File, io *usermem.IO, off int64) (int, unix.Errno)
	// Seek computes the new position.
	Seek(c *Context, f *File, off int64, whence int) (int64, unix.Errno)
	// Ready is the part of mask that is true now.
	Ready(f *File, mask wait.Events) wait.Events
	// WaitID is what to wait for; 0: always ready.
	WaitID(f *File) wait.ID
	// Ioctl is ioctl(2). ENOTTY for what it does not know.
	Ioctl(c *Context, f *File, cmd uint32, arg uint64) (int64, unix.Errno)
	// Map is what mmap(2) maps. ENODEV if nothing.
	Map(c *Context, f *File) (Mapping, unix.Errno)
	// SetFlags hears of changed status flags; EINVAL refuses.
	SetFlags(c *Context, f *File, flags uint32) unix.Errno
	// Release is called when the last reference goes.
	Release(v *VFS, f *File)
}

// Mapping says what a mapping of a file maps.
type Mapping struct {
	// Object is the pager's memory object. 0 with Anonymous: zeroes, private to the mapping.
	Object    uint64
	Anonymous bool
	// NoWrite: shared mappings must never become writable (seals).
	NoWrite bool
	// WritePages, if not 0, is how many pages from the beginning may be mapped for writing.
	WritePages uint64
}

// RangeMapper is a file whose mappings depend on what of it is mapped; offset and length are in bytes.
type RangeMapper interface {
	MapRange(offset, length uint64, shared bool) (Mapping, unix.Errno)
}

// MapWatcher is a file that wants to know of the regions that map it: a segment of shmat(2).
type MapWatcher interface {
	// Mapped and Unmapped: there is one region more, or fewer. The region has its reference to the
	// file meanwhile.
	Mapped()
	Unmapped()
}

// Flusher is a file whose inode has InodeFlushed.
type Flusher interface {
	// Flushed: a descriptor of the file was closed in the table with this id.
	Flushed(f *File, table uint64)
}

// FileBase is the file that can do nothing. It is embedded.
type FileBase struct{}

// Read implements FileOps.
func (FileBase) Read(*Context, *File, *usermem.IO, int64) (int, unix.Errno) { return 0, unix.EINVAL }

// Write implements FileOps.
func (FileBase) Write(*Context, *File, *usermem.IO, int64) (int, unix.Errno) { return 0, unix.EINVAL }

// Seek implements FileOps.
func (FileBase) Seek(*Context, *File, int64, int) (int64, unix.Errno) { return 0, unix.ESPIPE }

// Ready implements FileOps: regular files are always ready (poll(2)).
func (FileBase) Ready(_ *File, mask wait.Events) wait.Events {
	return mask & (wait.In | wait.Out | wait.RdNrm | wait.WrNrm)
}

// WaitID implements FileOps.
func (FileBase) WaitID(*File) wait.ID { return 0 }

// Ioctl implements FileOps.
func (FileBase) Ioctl(*Context, *File, uint32, uint64) (int64, unix.Errno) { return 0, unix.ENOTTY }

// Map implements FileOps.
func (FileBase) Map(*Context, *File) (Mapping, unix.Errno) { return Mapping{}, unix.ENODEV }

// SetFlags implements FileOps.
func (FileBase) SetFlags(*Context, *File, uint32) unix.Errno { return 0 }

// Release implements FileOps.
func (FileBase) Release(*VFS, *File) {}

// SeekTo is Seek for files with a position: size is where SEEK_END is.
func SeekTo(f *File, off int64, whence int, size int64) (int64, unix.Errno) {
	switch whence {
	case unix.SEEK_SET:
	case unix.SEEK_CUR:
		off += f.Pos
	case unix.SEEK_END:
		off += size
	default:
		return 0, unix.EINVAL
	}
	if off < 0 {
		return 0, unix.EINVAL
	}
	return off, 0
}

// Readable and Writable say what the description was opened for.
func (f *File) Readable() bool { return f.Modes&ModeRead != 0 }

// Writable reports whether f is open for writing.
func (f *File) Writable() bool { return f.Modes&ModeWrite != 0 }

// IsPath reports whether f was opened with O_PATH.
func (f *File) IsPath() bool { return f.Modes&ModePath != 0 }

// Seekable reports whether f has a position.
func (f *File) Seekable() bool { return f.Modes&ModeSeek != 0 }

// NonBlock reports O_NONBLOCK.
func (f *File) NonBlock() bool { return f.Flags&unix.O_NONBLOCK != 0 }

// WaitID is what waiters for the file wait for; 0: it is always ready.
func (f *File) WaitID() wait.ID { return f.Ops.WaitID(f) }

// Ready is the part of mask that is true now. Err and Hup are always reported.
func (f *File) Ready(mask wait.Events) wait.Events { return f.Ops.Ready(f, mask|wait.Err|wait.Hup) }

// Get adds a reference.
func (f *File) Get() *File {
	f.refs++
	return f
}

// Put drops a reference; the last one closes the file.
func (v *VFS) Put(f *File) {
	f.refs--
	if f.refs > 0 {
		return
	}
	for len(f.watchers) > 0 {
		w := f.watchers[len(f.watchers)-1]
		f.watchers = f.watchers[:len(f.watchers)-1]
		w.FileClosed(v, f)
	}
	if f.Inode.locks != nil {
		v.releaseFileLocks(f)
	}
	switch {
	case f.Modes&ModeWrite != 0:
		v.happened(f.D, unix.IN_CLOSE_WRITE)
	case f.Modes&ModePath == 0:
		v.happened(f.D, unix.IN_CLOSE_NOWRITE)
	}
	f.Ops.Release(v, f)
	v.files.remove(f)
	if f.Modes&ModeWrite != 0 {
		f.Inode.writers--
	}
	m := f.Mnt
	v.Unpin(f.Path)
	if m.gone {
		v.settle(m)
	}
}

// Refs is the number of references, for the collection of files in flight.
func (f *File) Refs() int32 { return f.refs }

// Files calls fn for every open file description, in no stable order.
func (v *VFS) Files(fn func(*File)) {
	for _, f := range v.files.all {
		fn(f)
	}
}

// newFile makes a description of an inode, with one reference.
func (v *VFS) newFile(p Path, flags uint32) (*File, unix.Errno) {
	if len(v.files.all) >= MaxOpenFiles {
		return nil, unix.ENFILE
	}
	f := &File{Path: p, Inode: p.D.Inode, refs: 1}
	f.Id, f.Flags = v.NewID(), flags
	f.Modes = accessModes(flags)
	p.Pin()
	if f.Modes&ModeWrite != 0 {
		f.Inode.writers++
	}
	v.files.add(f)
	return f, 0
}

func accessModes(flags uint32) uint32 {
	if flags&unix.O_PATH != 0 {
		return ModePath
	}
	switch flags & unix.O_ACCMODE {
	case unix.O_RDONLY:
		return ModeRead
	case unix.O_WRONLY:
		return ModeWrite
	case unix.O_RDWR:
		return ModeRead | ModeWrite
	}
	return 0 // 3: neither, only ioctl
}

// NewAnonFile makes an open file on the anonymous inode, as epoll or eventfd: name
// is what /proc shows, "anon_inode:[eventfd]".
func (v *VFS) NewAnonFile(name string, kind uint32, key0 uint64, ops FileOps, flags uint32) (*File, unix.Errno) {
	m := v.anonMount()
	return v.NewHiddenFile(m, m.Root.Inode, name, kind, key0, ops, flags)
}

// NewHiddenFile makes an open file on an inode that has no name, of an instance
// mounted by HiddenMount: a pipe, a socket, a memfd.
func (v *VFS) NewHiddenFile(m *Mount, in *Inode, name string, kind uint32, key0 uint64, ops FileOps, flags uint32) (*File, unix.Errno) {
	d := &Dentry{ID: v.NewID(), Name: name, Inode: in}
	d.Parent = d
	f, e := v.newFile(Path{m, d}, flags)
	if e != 0 {
		return nil, e
	}
	f.Kind, f.Key0, f.Ops = kind, key0, ops
	return f, 0
}

// HiddenMount makes an instance for files without a name with a device number of
// its own: pipefs, sockfs, the memfds' tmpfs.
func (v *VFS) HiddenMount(t FSType) *Mount {
	s := v.NewSuper(t, "")
	s.InCore = true
	v.NewRoot(s, v.NewInode(s, unix.S_IFDIR|0555, anonOps{}))
	return v.hiddenMount(s)
}
