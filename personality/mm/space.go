package mm

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/pager/client"
	"starling/personality/vfs"
)

// Manager is what all spaces of a personality have in common.
type Manager struct {
	Transport ipc.Transport
	Pager     *client.Client
	VFS       *vfs.VFS
	// Random draws a number below n from the seed.
	Random func(n uint64) uint64
	// NewID draws an id.
	NewID func() uint64

	// Mapped, if not nil, is told where files have come to be mapped, or to be shown
	// afresh: uprobes.
	Mapped func(s *Space, start, end uint64, fresh bool)

	// Reclaim, if not nil, tells whether memory has been found for programs where there was none.
	Reclaim func() bool

	vdso client.Object // data page, then the image
}

// Space is the address space of a process; processes and threads share it with CLONE_VM.
type Space struct {
	// ID names the space in the state and in futex keys.
	ID uint64
	// Pager and Handle name it at the pager and at the kernel. Pager is the fault
	// badge of its threads.
	Pager  client.Space
	Handle ipc.Handle

	// Addresses that /proc and brk(2) show.
	CodeStart, CodeEnd   uint64
	DataStart, DataEnd   uint64
	BreakStart, BreakEnd uint64
	StackStart           uint64
	ArgStart, ArgEnd     uint64
	EnvStart, EnvEnd     uint64
	VDSOAddress          uint64
	// Auxv is the auxiliary vector as words.
	Auxv []uint64
	// Exe is the program's file; the space holds a reference and keeps it from being written.
	Exe *vfs.File
	// LockFuture: mlockall(MCL_FUTURE).
	LockFuture bool
	// Dumpable is PR_SET_DUMPABLE.
	Dumpable int32
	// DumpFilter is /proc/PID/coredump_filter: what a core file has (core(5)).
	DumpFilter uint32
	// Area is the address of the area of uprobes, 0 if there is none; Probed says that the
	// space has or had their breakpoints.
	Area   uint64
	Probed bool

	m         *Manager
	spots     client.Spots // pages that were read or written last
	refs      int32
	area      client.Object
	areaSlots uint32                  // in use
	areaCode  *[areaSlots]*isa.Probed // what was put into which slot last
	mapBase   uint64
	book      book
	total     uint64 // pages in regions
	locked    uint64 // of these, locked
	peak      uint64
}

// Limits are the resource limits that count for memory, in bytes.
type Limits struct {
	Address uint64 // RLIMIT_AS
	Data    uint64 // RLIMIT_DATA
	Stack   uint64 // RLIMIT_STACK
	Lock    uint64 // RLIMIT_MEMLOCK
	// LockAny: CAP_IPC_LOCK.
	LockAny bool
}

// Get adds a user.
func (s *Space) Get() *Space {
	s.refs++
	return s
}

// Shared reports whether somebody else uses the space too.
func (s *Space) Shared() bool { return s.refs > 1 }

// Users is how many threads use the space.
func (s *Space) Users() int { return int(s.refs) }

// Put drops a user. With the last one the space goes, and with it every kernel
// thread in it.
func (s *Space) Put() {
	s.refs--
	if s.refs > 0 {
		return
	}
	if s.Pager != 0 {
		s.m.Pager.SpaceDestroy(s.Pager)
		s.m.Transport.CapDelete(s.Handle)
		s.Pager, s.Handle, s.spots = 0, 0, client.Spots{}
	}
	s.forget()
}

// forget drops the references of the book.
func (s *Space) forget() {
	for r := range s.Regions() {
		s.release(r)
	}
	s.book, s.total, s.locked = book{}, 0, 0
	s.SetExe(nil)
}

// SetExe makes f the program's file; the reference goes to the space.
func (s *Space) SetExe(f *vfs.File) {
	if s.Exe != nil {
		s.Exe.Inode.AllowWrite()
		s.m.VFS.Put(s.Exe)
	}
	s.Exe = f
	if f != nil {
		f.Inode.Executing()
	}
}

// Pages is how many pages are mapped, locked, and were mapped at most.
func (s *Space) Pages() (total, locked, peak uint64) { return s.total, s.locked, s.peak }

// Resident is how many pages have a frame.
func (s *Space) Resident() uint64 {
	if r := s.m.Pager.SpaceRecord(s.Pager); r != nil {
		return r.Resident
	}
	return 0
}

// PeakResident is the most Resident has been.
func (s *Space) PeakResident() uint64 {
	if r := s.m.Pager.SpaceRecord(s.Pager); r != nil {
		return r.Peak
	}
	return 0
}

// errno is the errno of a refusal by the pager.
func errno(st client.Status) unix.Errno {
	switch st {
	case client.OK:
		return 0
	case client.Fault:
		return unix.EFAULT
	case client.Exists:
		return unix.EEXIST
	case client.Invalid:
		return unix.EINVAL
	}
	return unix.ENOMEM
}

// New makes a space that is a book only: Map records regions, and Commit makes
// them real all at once. Random parts of the layout are drawn here.
func (m *Manager) New(stackLimit uint64, randomize bool) *Space {
	s := &Space{ID: m.NewID(), m: m, refs: 1, Dumpable: 1, DumpFilter: DumpDefault}
	top := uint64(isa.StackTop)
	var shift uint64
	if randomize {
		top -= m.Random(1<<isa.StackRandomBits) << pageShift
		shift = m.Random(1<<isa.MapRandomBits) << pageShift
	}
	s.StackStart = top
	// mmap_base of Linux: below the largest stack the limit allows, with a gap between
	// 128 MiB and five sixths of the address space, and room for the randomised top.
	const minGap, maxGap = 128 << 20, isa.TaskSize / 6 * 5
	gap := min(max(stackLimit, minGap), maxGap)
	gap += guardGap + 1<<(isa.StackRandomBits+pageShift)
	s.mapBase = (isa.StackTop - min(gap, maxGap) - shift) &^ pageMask
	return s
}

// Commit makes the pager's space out of the book: one message. populate, if not nil,
// is a range of the stack to be made present for writing.
func (s *Space) Commit(populateStart, populatePages uint64) unix.Errno {
	b := s.m.Pager.Batch()
	i := b.SpaceCreate()
	for n := s.book.first; n != nil; n = n.next {
		if b.Room() <= 1 {
			return unix.ENOMEM
		}
		q := n.request()
		if q.Object != 0 && q.Flags&client.Shared == 0 {
			// Segments of the program and its interpreter, which nobody may write while they run.
			q.Flags |= client.CopyAhead
		}
		b.Map(client.NewSpace, q)
	}
	if populatePages != 0 {
		b.Populate(client.NewSpace, populateStart, populatePages, ipc.Read|ipc.Write)
	}
	st := b.Run()
	id, handle := client.Space(b.Value(i)), b.Handle()
	if st != client.OK {
		if id != 0 {
			s.m.Pager.SpaceDestroy(id)
			if handle != 0 {
				s.m.Transport.CapDelete(handle)
			}
		}
		return errno(st)
	}
	s.Pager, s.Handle = id, handle
	return 0
}

// request is what the pager is asked to map for a region.
func (r *Region) request() client.Region {
	q := client.Region{Address: r.Start, Pages: r.pages(), Access: hardware(r.Access), Object: r.Object}
	if r.Object != 0 {
		q.Offset = r.Offset
	}
	if r.Flags&Shared != 0 && r.Object != 0 {
		q.Flags |= client.Shared
	}
	if r.Flags&NoReserve != 0 || r.Access == 0 {
		q.Flags |= client.NoReserve
	}
	return q
}

// Fork makes a copy-on-write copy (fork(2)).
func (s *Space) Fork() (*Space, unix.Errno) {
	m := s.m
	if !m.VFS.RoomFor(s.book.size()) {
		return nil, unix.ENOMEM
	}
	b := m.Pager.Batch()
	i := b.SpaceFork(s.Pager)
	for r := s.book.first; r != nil; r = r.next {
		if r.Flags&(NoFork|Wipe) == 0 {
			continue
		}
		if b.Room() == 0 {
			return nil, unix.ENOMEM
		}
		if r.Flags&NoFork != 0 {
			b.Unmap(client.NewSpace, r.Start, r.pages())
		} else {
			b.Map(client.NewSpace, client.Region{Address: r.Start, Pages: r.pages(), Access: hardware(r.Access)})
		}
	}
	if st := b.Run(); st != client.OK {
		if id := client.Space(b.Value(i)); id != 0 {
			h := b.Handle()
			m.Pager.SpaceDestroy(id)
			m.Transport.CapDelete(h)
		}
		return nil, errno(st)
	}
	c := *s
	c.ID, c.refs, c.spots = m.NewID(), 1, client.Spots{}
	c.Pager, c.Handle = client.Space(b.Value(i)), b.Handle()
	c.LockFuture, c.locked = false, 0
	c.Area, c.area, c.areaSlots, c.areaCode = 0, 0, 0, nil
	c.book = s.book.clone()
	for n := c.book.first; n != nil; n = n.next {
		if n.Flags&NoFork != 0 {
			c.total -= n.pages()
			c.book.drop(n)
			continue
		}
		n.Flags &^= Locked
		n.hold()
	}
	if c.Exe != nil {
		c.Exe.Get()
		c.Exe.Inode.Executing()
	}
	c.peak = c.total
	return &c, 0
}

// Reserve finds a place for an image of length bytes in a space that is being built.
func (s *Space) Reserve(length, align uint64) (uint64, bool) {
	at, ok := s.gap(length + align - pageSize)
	return (at + align - 1) &^ (align - 1), ok
}

// SetImage notes where code and data of the program are.
func (s *Space) SetImage(codeStart, codeEnd, dataStart, dataEnd uint64) {
	s.CodeStart, s.CodeEnd, s.DataStart, s.DataEnd = codeStart, codeEnd, dataStart, dataEnd
}

// MapStack records the stack of a space that is being built: what is on it and more
// bytes, within the limit.
func (s *Space) MapStack(used, more, limit uint64, executable bool) unix.Errno {
	size := pageUp(used)
	size += min(more, max(limit, size)-size) &^ pageMask
	access := ipc.Read | ipc.Write
	if executable {
		access |= ipc.Execute
	}
	start := s.StackStart - size
	if !s.free(start, size) {
		return unix.ENOMEM
	}
	s.insert(Region{Start: start, End: s.StackStart, Access: access,
		May: ipc.Read | ipc.Write | ipc.Execute, Flags: Stack | GrowsDown})
	return 0
}

// SetAuxv keeps the auxiliary vector, as bytes of the stack.
func (s *Space) SetAuxv(b []byte) {
	s.Auxv = make([]uint64, len(b)/8)
	for i := range s.Auxv {
		s.Auxv[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
}
