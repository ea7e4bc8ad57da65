package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/personality/mm"
	"starling/personality/sysv"
	"starling/personality/task"
)

// Shared memory of System V (shmget(2), shmop(2), shmctl(2)).

// Flags of shmat(2), and commands of shmctl(2).
const (
	shmReadOnly = 010000
	shmRound    = 020000
	shmRemap    = 040000
	shmExecute  = 0100000

	shmLock    = 11
	shmUnlock  = 12
	shmStat    = 13
	shmInfo    = 14
	shmStatAny = 15
)

func shmget(c *task.Call) task.Result {
	who := c.T.Caller()
	g, e := c.K.SystemV.GetSegment(&who, int32(c.Args[0]), c.Args[1], uint32(c.Args[2]))
	if e != 0 {
		return fail(e)
	}
	return task.Result(g.Permissions.Id)
}

func shmat(c *task.Call) task.Result {
	id, va, flags := int32(c.Args[0]), c.Args[1], uint32(c.Args[2])
	q := mm.Request{Address: va, Fixed: va != 0, Access: ipc.Read}
	switch {
	case id < 0:
		return fail(unix.EINVAL)
	case va != 0 && va&pageMask != 0:
		q.Address &^= pageMask
		if flags&shmRound == 0 || q.Address == 0 && flags&shmRemap != 0 {
			return fail(unix.EINVAL)
		}
	case va == 0 && flags&shmRemap != 0:
		return fail(unix.EINVAL)
	}
	want := uint32(sysv.MayRead)
	if flags&shmReadOnly == 0 {
		q.Access |= ipc.Write
		want |= sysv.MayWrite
	}
	if flags&shmExecute != 0 {
		q.Access |= ipc.Execute
		want |= 0111
	}
	g, e := c.K.SystemV.Segments.Get(id)
	if e != 0 {
		return fail(e)
	}
	who := c.T.Caller()
	if !who.May(g.Permissions, want) {
		return fail(unix.EACCES)
	}
	f := g.Contents()
	q.File, q.Length = f, g.Size
	if q.Mapping, e = f.Ops.Map(fileContext(c), f); e != 0 {
		return fail(e)
	}
	lim := c.T.MemoryLimits()
	at, e := c.T.MM.Attach(&q, flags&shmRemap != 0, &lim)
	return either(int64(at), e)
}

func shmdt(c *task.Call) task.Result { return fail(c.T.MM.Detach(c.Args[0])) }

func shmctl(c *task.Call) task.Result {
	id, command, va := int32(c.Args[0]), int32(c.Args[1]), c.Args[2]
	s, who := c.K.SystemV, c.T.Caller()
	if id < 0 || command < 0 {
		return fail(unix.EINVAL)
	}
	var to sysv.Change
	if command == ipcSet {
		var e unix.Errno
		if to, _, e = readChange(c, va, segmentSize); e != 0 {
			return fail(e)
		}
	}
	switch command {
	case ipcInfo, shmInfo:
		return segmentLimits(s, command == shmInfo).out(c, va, s.Segments.Highest())
	case shmStat, shmStatAny:
		g, e := s.Segments.At(id)
		if e != 0 {
			return fail(e)
		}
		if command == shmStat && !who.May(g.Permissions, sysv.MayRead) {
			return fail(unix.EACCES)
		}
		return segmentLayout(g).out(c, va, int(g.Permissions.Id))
	case ipcStat, ipcSet, ipcRemove, shmLock, shmUnlock:
	default:
		return fail(unix.EINVAL)
	}
	g, e := s.Segments.Get(id)
	if e != 0 {
		return fail(e)
	}
	switch command {
	case ipcSet:
		return fail(s.SetSegment(&who, g, to))
	case ipcRemove:
		return fail(s.RemoveSegment(&who, g))
	case shmLock, shmUnlock:
		return fail(s.LockSegment(&who, g, command == shmLock, c.T.Proc.Limits[unix.RLIMIT_MEMLOCK].Cur))
	}
	if !who.May(g.Permissions, sysv.MayRead) {
		return fail(unix.EACCES)
	}
	return segmentLayout(g).out(c, va, 0)
}

// segmentSize is the length of struct shmid64_ds.
const segmentSize = permissionsSize + 64

func segmentLayout(g *sysv.Segment) (l layout) {
	l.permissions(g.Permissions)
	l.u64(g.Size, uint64(g.AttachTime), uint64(g.DetachTime), uint64(g.ChangeTime))
	l.u32(uint32(g.Creator), uint32(g.Last))
	l.u64(g.Attached, 0, 0)
	return l
}

// segmentLimits is struct shminfo64, or struct shm_info.
func segmentLimits(s *sysv.System, used bool) (l layout) {
	if !used {
		l.u64(sysv.SegmentBytesMax, 1, sysv.SegmentsMax, sysv.SegmentsMax, sysv.PagesMax, 0, 0, 0, 0)
		return l
	}
	all, resident := s.Pages()
	l.u32(uint32(s.Segments.Used()), 0)
	l.u64(all, resident, 0, 0, 0)
	return l
}
