package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/perf"
	"starling/personality/task"
	"starling/personality/uprobe"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/sysfs"
)

// Sizes of struct perf_event_attr (perf_event_open(2)): the first version, and what is known here.
const (
	perfAttrFirst = 64
	perfAttrSize  = 136
	perfAttrMost  = 4096
)

// Bits of struct perf_event_attr from byte 40 on.
const (
	perfDisabled     = 1 << 0
	perfInherit      = 1 << 1
	perfFrequency    = 1 << 10
	perfEnableOnExec = 1 << 12
	perfWatermark    = 1 << 14

	perfKnownBits    = 1<<38 - 1
	perfKnownSamples = 1<<25 - 1
)

// Flags of perf_event_open(2).
const perfFlags = unix.PERF_FLAG_FD_CLOEXEC | unix.PERF_FLAG_FD_NO_GROUP | unix.PERF_FLAG_FD_OUTPUT | unix.PERF_FLAG_PID_CGROUP

// perfEventOpen is perf_event_open(2) for the uprobe unit. Every other type of event is ENOENT, as where there is no
// hardware for it. The checks come in the order of Linux (kernel/events/core.c).
func perfEventOpen(c *task.Call) task.Result {
	at, pid, cpu, group, flags := c.Args[0], int32(c.Args[1]), int32(c.Args[2]), int32(c.Args[3]), c.Args[4]
	if flags&^perfFlags != 0 {
		return fail(unix.EINVAL)
	}
	a, e := perfAttr(c, at)
	if e == 0 {
		e = a.check()
	}
	if e == 0 && flags&unix.PERF_FLAG_PID_CGROUP != 0 {
		e = unix.EINVAL // there are no control groups
	}
	if e == 0 {
		e = perfGroup(c, group)
	}
	if e != 0 {
		return fail(e)
	}
	bits, config := a.u64(40), a.u64(8)
	q := perf.Request{
		Offset: a.u64(64), Counter: config >> 32, AtReturn: config&1 != 0, ReadFormat: a.u64(32),
		Disabled: bits&perfDisabled != 0, Inherit: bits&perfInherit != 0, EnableOnExec: bits&perfEnableOnExec != 0,
	}
	if q.TID, e = perfThread(c, pid); e != 0 {
		return fail(e)
	}
	switch {
	case cpu != 0 && (cpu != -1 || pid == -1):
		return fail(unix.EINVAL) // the processor is number 0
	case a.u32(0) == unix.PERF_TYPE_SOFTWARE && a.u64(8) == unix.PERF_COUNT_SW_BPF_OUTPUT:
		return perfOutput(c, &a, pid, flags)
	case a.u32(0) != sysfs.UprobeType:
		return fail(unix.ENOENT)
	case !c.T.Cred.Has(unix.CAP_PERFMON) && !c.T.Cred.Has(unix.CAP_SYS_ADMIN):
		return fail(unix.EACCES)
	case a.u64(16) != 0 || bits&perfFrequency != 0:
		return fail(unix.EOPNOTSUPP) // samples
	case config&0xfffffffe != 0 || q.Counter%2 != 0:
		return fail(unix.EINVAL)
	}
	if e := probedFile(c, a.u64(56), &q); e != 0 {
		return fail(e)
	}
	f, e := c.K.Perf.Open(&q)
	if e != 0 {
		return fail(e)
	}
	fd, e := fileContext(c).Alloc(f, 0, flags&unix.PERF_FLAG_FD_CLOEXEC != 0)
	return either(int64(fd), e)
}

// perfOutput opens an event that programs write to. Its samples have the data and nothing else.
func perfOutput(c *task.Call, a *perfAttributes, pid int32, flags uint64) task.Result {
	const backward = 1 << 27
	bits := a.u64(40)
	switch {
	case !c.T.Cred.Has(unix.CAP_PERFMON) && !c.T.Cred.Has(unix.CAP_SYS_ADMIN):
		return fail(unix.EACCES)
	case pid != -1, a.u64(24) != unix.PERF_SAMPLE_RAW, a.u64(32) != 0, bits&(perfInherit|backward) != 0:
		return fail(unix.EOPNOTSUPP)
	}
	f, e := c.K.Perf.OpenOutput(&perf.OutputRequest{Wakeup: a.u32(48), Watermark: bits&perfWatermark != 0, Disabled: bits&perfDisabled != 0})
	if e != 0 {
		return fail(e)
	}
	fd, e := fileContext(c).Alloc(f, 0, flags&unix.PERF_FLAG_FD_CLOEXEC != 0)
	return either(int64(fd), e)
}

// perfGroup checks the leader of a group. There are no groups.
func perfGroup(c *task.Call, fd int32) unix.Errno {
	if fd == -1 {
		return 0
	}
	if f := openFile(fileContext(c), uint64(uint32(fd))); f == nil || perf.EventOf(f) == nil {
		return unix.EBADF
	}
	return unix.EINVAL
}

// perfThread is the thread that is to be counted: 0 is all, which pid -1 says.
func perfThread(c *task.Call, pid int32) (tid int32, e unix.Errno) {
	if pid == -1 {
		return 0, 0
	}
	t := c.T
	if pid != 0 {
		t = c.K.Thread(pid)
	}
	switch {
	case t == nil || !t.Alive():
		return 0, unix.ESRCH
	case !c.K.MayAccess(c.T, t, 0):
		return 0, unix.EACCES
	}
	return t.Tid, 0
}

// perfAttr reads the attributes. E2BIG: they have what is not known, and the size that is is written back.
func perfAttr(c *task.Call, at uint64) (a perfAttributes, e unix.Errno) {
	size, e := usermem.Read32(c.Mem(), at+4)
	if e != 0 {
		return a, e
	}
	if size == 0 {
		size = perfAttrFirst
	}
	if size >= perfAttrFirst && size <= perfAttrMost {
		if e := usermem.CopyInStruct(c.Mem(), a[:], at, uint64(size)); e != unix.E2BIG {
			return a, e
		}
	}
	if e := usermem.Write32(c.Mem(), at+4, perfAttrSize); e != 0 {
		return a, e
	}
	return a, unix.E2BIG
}

type perfAttributes [perfAttrSize]byte

func (a *perfAttributes) u32(at int) uint32 { return binary.LittleEndian.Uint32(a[at:]) }
func (a *perfAttributes) u64(at int) uint64 { return binary.LittleEndian.Uint64(a[at:]) }

// check refuses what is reserved, or not offered.
func (a *perfAttributes) check() unix.Errno {
	reserved := a.u64(40)&^perfKnownBits != 0 || a[110] != 0 || a[111] != 0 || a.u32(116) != 0
	if reserved || a.u64(24)&^perfKnownSamples != 0 || a.u64(32)&^perf.Formats != 0 {
		return unix.EINVAL
	}
	return 0
}

// probedFile opens the file of a probe, whose path is at an address, and looks at the instruction.
func probedFile(c *task.Call, at uint64, q *perf.Request) unix.Errno {
	path, e := usermem.String(c.Mem(), at, vfs.PathMax-1)
	if e == unix.ENAMETOOLONG {
		e = unix.E2BIG
	}
	if e != 0 {
		return e
	}
	if path == "" {
		return unix.EINVAL
	}
	x := fileContext(c)
	f, e := x.Open(unix.AT_FDCWD, []byte(path), &vfs.OpenHow{Flags: unix.O_RDONLY})
	if e != 0 {
		return e
	}
	q.File, q.Path = f, path
	if !f.Inode.IsRegular() || q.Offset > uint64(f.Inode.Size) {
		c.K.VFS.Put(f)
		return unix.EINVAL
	}
	q.Code, e = uprobe.Check(fileReader(x, f), q.Offset)
	if e != 0 {
		c.K.VFS.Put(f)
	}
	return e
}

// fileReader reads a file for the personality itself.
func fileReader(x *vfs.Context, f *vfs.File) uprobe.Reader {
	return func(b []byte, off int64) (int, unix.Errno) {
		done := 0
		for done < len(b) {
			var io usermem.IO
			io.InitBytes(b[done:])
			n, e := f.Ops.Read(x, f, &io, off+int64(done))
			if e != 0 || n == 0 {
				return done, e
			}
			done += n
		}
		return done, 0
	}
}
