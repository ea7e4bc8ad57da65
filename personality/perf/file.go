package perf

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/bpf"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// eventFile is an event as a file. It is never readable in the sense of poll(2): there are no samples.
type eventFile struct {
	vfs.FileBase
	e *Event
}

// Parts of what read(2) gives (perf_event_open(2), read_format).
const (
	formatEnabled = unix.PERF_FORMAT_TOTAL_TIME_ENABLED
	formatRunning = unix.PERF_FORMAT_TOTAL_TIME_RUNNING
	formatID      = unix.PERF_FORMAT_ID
	formatLost    = unix.PERF_FORMAT_LOST

	// Formats is all that there is; groups of events there are not.
	Formats = formatEnabled | formatRunning | formatID | formatLost
)

// Read implements vfs.FileOps: the count. ENOSPC when there is no room for all of it.
func (f eventFile) Read(_ *vfs.Context, _ *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	e := f.e
	words := []uint64{e.Count}
	for _, part := range []struct {
		format uint64
		value  uint64
	}{{formatEnabled, uint64(e.elapsed())}, {formatRunning, uint64(e.elapsed())}, {formatID, e.Id}, {formatLost, 0}} {
		if e.ReadFormat&part.format != 0 {
			words = append(words, part.value)
		}
	}
	if io.Len() < uint64(8*len(words)) {
		return 0, unix.ENOSPC
	}
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return io.Put(b)
}

// Ready implements vfs.FileOps.
func (eventFile) Ready(_ *vfs.File, mask wait.Events) wait.Events { return 0 }

// WaitID implements vfs.FileOps.
func (f eventFile) WaitID(*vfs.File) wait.ID { return wait.ID(f.e.Id) }

// Release implements vfs.FileOps.
func (f eventFile) Release(*vfs.VFS, *vfs.File) { f.e.close() }

// Ioctl implements vfs.FileOps (perf_event_open(2), ioctl calls).
func (f eventFile) Ioctl(c *vfs.Context, _ *vfs.File, cmd uint32, arg uint64) (int64, unix.Errno) {
	e := f.e
	switch cmd {
	case unix.PERF_EVENT_IOC_ENABLE:
		e.enable(true)
	case unix.PERF_EVENT_IOC_DISABLE:
		e.enable(false)
	case unix.PERF_EVENT_IOC_RESET:
		e.Count = 0
	case unix.PERF_EVENT_IOC_REFRESH, unix.PERF_EVENT_IOC_PERIOD:
		return 0, unix.EINVAL // it takes no samples
	case unix.PERF_EVENT_IOC_ID:
		return 0, usermem.Write64(c.Mem, arg, e.Id)
	case unix.PERF_EVENT_IOC_SET_BPF:
		p := programOf(c, int32(arg))
		if p == nil {
			return 0, unix.EBADF
		}
		if errno := e.attach(p, 0, 0); errno != 0 {
			return 0, errno
		}
		p.Get()
	case unix.PERF_EVENT_IOC_QUERY_BPF:
		return f.query(c, arg)
	default:
		return 0, unix.ENOTTY
	}
	return 0, 0
}

// programOf is the program behind a descriptor, nil if it is none.
func programOf(c *vfs.Context, fd int32) *bpf.Program {
	if f := c.Files.Get(fd); f != nil {
		return bpf.ProgramOf(f)
	}
	return nil
}

// query is PERF_EVENT_IOC_QUERY_BPF: room for numbers, how many there are, and they.
func (f eventFile) query(c *vfs.Context, arg uint64) (int64, unix.Errno) {
	room, errno := usermem.Read32(c.Mem, arg)
	if errno != 0 {
		return 0, errno
	}
	count := uint32(0)
	if f.e.program != nil {
		count = 1
	}
	if errno := usermem.Write32(c.Mem, arg+4, count); errno != 0 || count == 0 || room == 0 {
		if errno == 0 && room < count {
			errno = unix.ENOSPC
		}
		return 0, errno
	}
	return 0, usermem.Write32(c.Mem, arg+8, f.e.program.Id)
}

type eventKind struct{ m *Events }

// Reopen implements vfs.Kind.
func (k eventKind) Reopen(f *vfs.File) unix.Errno {
	for _, e := range k.m.all {
		if e.Id == f.Key0 {
			f.Ops = eventFile{e: e}
			return 0
		}
	}
	return unix.EINVAL
}
