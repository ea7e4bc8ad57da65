package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/mm"
	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// The calls about the address space of the caller.

var memoryRows = []Row{
	{unix.SYS_BRK, "brk", sysBrk, Full, ""},
	{unix.SYS_MMAP, "mmap", sysMmap, Partial, "no huge pages (MAP_HUGETLB: ENOMEM)"},
	{unix.SYS_MUNMAP, "munmap", sysMunmap, Full, ""},
	{unix.SYS_MPROTECT, "mprotect", sysMprotect, Full, ""},
	{unix.SYS_MREMAP, "mremap", sysMremap, Full, ""},
	{unix.SYS_MADVISE, "madvise", sysMadvise, Full, ""},
	{unix.SYS_MINCORE, "mincore", sysMincore, Full, ""},
	{unix.SYS_MSYNC, "msync", sysMsync, Full, ""},
	{unix.SYS_MLOCK, "mlock", sysMlock, Full, ""},
	{unix.SYS_MLOCK2, "mlock2", sysMlock2, Full, ""},
	{unix.SYS_MUNLOCK, "munlock", sysMunlock, Full, ""},
	{unix.SYS_MLOCKALL, "mlockall", sysMlockall, Full, ""},
	{unix.SYS_MUNLOCKALL, "munlockall", sysMunlockall, Full, ""},
	{unix.SYS_PKEY_MPROTECT, "pkey_mprotect", sysPkeyMprotect, Partial, "key -1 only: the processor's keys are off"},
	{unix.SYS_PKEY_ALLOC, "pkey_alloc", sysPkeyAlloc, Refused, "ENOSPC: the processor's keys are off"},
	{unix.SYS_PKEY_FREE, "pkey_free", sysPkeyFree, Refused, "EINVAL: there are none"},
}

const pageMask = isa.PageSize - 1

func sysBrk(c *task.Call) task.Result {
	lim := c.T.MemoryLimits()
	return task.Result(c.T.MM.Break(c.Args[0], &lim))
}

// sharedFlags are what MAP_SHARED_VALIDATE knows.
const sharedFlags = unix.MAP_SHARED_VALIDATE | unix.MAP_FIXED | unix.MAP_FIXED_NOREPLACE | unix.MAP_ANONYMOUS | unix.MAP_32BIT |
	unix.MAP_GROWSDOWN | unix.MAP_DENYWRITE | unix.MAP_EXECUTABLE | unix.MAP_LOCKED | unix.MAP_NORESERVE |
	unix.MAP_POPULATE | unix.MAP_NONBLOCK | unix.MAP_STACK | unix.MAP_HUGETLB

// mapUninitialized is MAP_UNINITIALIZED, which x86 ignores.
const mapUninitialized = 0x4000000

func sysMmap(c *task.Call) task.Result {
	prot, flags, offset := c.Args[2], c.Args[3], c.Args[5]
	q := mm.Request{
		Address: c.Args[0], Length: c.Args[1], Access: ipc.Access(prot & (unix.PROT_READ | unix.PROT_WRITE | unix.PROT_EXEC)),
		Fixed:     flags&(unix.MAP_FIXED|unix.MAP_FIXED_NOREPLACE) != 0,
		NoReplace: flags&unix.MAP_FIXED_NOREPLACE != 0,
		Low:       flags&unix.MAP_32BIT != 0,
		Populate:  flags&unix.MAP_POPULATE != 0 && flags&unix.MAP_NONBLOCK == 0,
		Offset:    offset,
	}
	if offset&pageMask != 0 {
		return fail(unix.EINVAL)
	}
	if flags&unix.MAP_HUGETLB != 0 {
		if flags&unix.MAP_ANONYMOUS == 0 {
			return fail(unix.EINVAL)
		}
		return fail(unix.ENOMEM)
	}
	anonymous := flags&unix.MAP_ANONYMOUS != 0
	var f *vfs.File
	if !anonymous {
		if f = openFile(fileContext(c), c.Args[4]); f == nil {
			return fail(unix.EBADF)
		}
	}
	if c.Args[1] == 0 {
		return fail(unix.EINVAL)
	}
	switch flags & unix.MAP_TYPE {
	case unix.MAP_SHARED:
		q.Flags |= mm.Shared
	case unix.MAP_SHARED_VALIDATE:
		if flags&^(sharedFlags|mapUninitialized) != 0 {
			return fail(unix.EOPNOTSUPP)
		}
		q.Flags |= mm.Shared
	case unix.MAP_PRIVATE:
	default:
		return fail(unix.EINVAL)
	}
	if flags&unix.MAP_GROWSDOWN != 0 {
		if q.Flags&mm.Shared != 0 || !anonymous {
			return fail(unix.EINVAL)
		}
		q.Flags |= mm.GrowsDown
	}
	if flags&unix.MAP_LOCKED != 0 {
		q.Flags |= mm.Locked
	}
	if flags&unix.MAP_NORESERVE != 0 {
		q.Flags |= mm.NoReserve
	}
	if f != nil {
		if e := mapFile(c, &q, f); e != 0 {
			return fail(e)
		}
	}
	lim := c.T.MemoryLimits()
	va, e := c.T.MM.Map(&q, &lim)
	if e == 0 && f != nil && f.Inode.IsRegular() {
		fileContext(c).Accessed(f) // what is read through the mapping nobody sees
	}
	return either(int64(va), e)
}

// mapFile puts the file into a request: what its descriptor, its type and its seals
// allow (mmap(2), memfd_create(2)).
func mapFile(c *task.Call, q *mm.Request, f *vfs.File) unix.Errno {
	shared := q.Flags&mm.Shared != 0
	q.May = ipc.Read | ipc.Write | ipc.Execute
	if !f.Readable() {
		return unix.EACCES
	}
	if shared && !f.Writable() {
		if q.Access&ipc.Write != 0 {
			return unix.EACCES
		}
		q.May &^= ipc.Write
	}
	m, e := mapping(c, q, f, shared)
	if e != 0 {
		return e
	}
	fixed := m.WritePages != 0 && (q.Length > m.WritePages*isa.PageSize || q.Offset > m.WritePages*isa.PageSize-q.Length)
	if shared && (m.NoWrite || fixed || f.Inode.Seals&unix.F_SEAL_WRITE != 0) {
		if q.Access&ipc.Write != 0 {
			return unix.EPERM
		}
		q.May &^= ipc.Write
	}
	q.File, q.Mapping = f, m
	return 0
}

// mapping is what there is to map of a file.
func mapping(c *task.Call, q *mm.Request, f *vfs.File, shared bool) (vfs.Mapping, unix.Errno) {
	if r, ok := f.Ops.(vfs.RangeMapper); ok {
		return r.MapRange(q.Offset, (q.Length+isa.PageSize-1)&^(isa.PageSize-1), shared)
	}
	return f.Ops.Map(fileContext(c), f)
}

func sysMunmap(c *task.Call) task.Result { return fail(c.T.MM.Unmap(c.Args[0], c.Args[1])) }

// protections are the bits of mprotect(2).
const protections = unix.PROT_READ | unix.PROT_WRITE | unix.PROT_EXEC | unix.PROT_GROWSDOWN | unix.PROT_GROWSUP

// protSem is PROT_SEM, which has no effect.
const protSem = 8

func sysMprotect(c *task.Call) task.Result {
	prot := c.Args[2]
	if prot&^(protections|protSem) != 0 {
		return fail(unix.EINVAL)
	}
	return fail(c.T.MM.Protect(c.Args[0], c.Args[1], ipc.Access(prot&7),
		prot&unix.PROT_GROWSDOWN != 0, prot&unix.PROT_GROWSUP != 0))
}

func sysPkeyMprotect(c *task.Call) task.Result {
	if int32(c.Args[3]) != -1 {
		return fail(unix.EINVAL)
	}
	return sysMprotect(c)
}

func sysPkeyAlloc(c *task.Call) task.Result {
	if c.Args[0] != 0 || c.Args[1]&^3 != 0 {
		return fail(unix.EINVAL)
	}
	return fail(unix.ENOSPC)
}

func sysPkeyFree(c *task.Call) task.Result { return fail(unix.EINVAL) }

func sysMremap(c *task.Call) task.Result {
	lim := c.T.MemoryLimits()
	va, e := c.T.MM.Remap(c.Args[0], c.Args[1], c.Args[2], int(c.Args[3]), c.Args[4], &lim)
	return either(int64(va), e)
}

func sysMadvise(c *task.Call) task.Result {
	return fail(c.T.MM.Advise(c.Args[0], c.Args[1], int(int32(c.Args[2]))))
}

func sysMincore(c *task.Call) task.Result {
	va, length, vec := c.Args[0], c.Args[1], c.Args[2]
	if va&pageMask != 0 {
		return fail(unix.EINVAL)
	}
	if va > isa.TaskSize || length > isa.TaskSize-va {
		return fail(unix.ENOMEM)
	}
	pages := (length + pageMask) / isa.PageSize
	var b [isa.PageSize]byte
	for pages > 0 {
		n := min(pages, uint64(len(b)))
		if e := c.T.MM.Residency(va, b[:n]); e != 0 {
			return fail(e)
		}
		if _, e := usermem.CopyOut(c.Mem(), vec, b[:n]); e != 0 {
			return fail(e)
		}
		va, vec, pages = va+n*isa.PageSize, vec+n, pages-n
	}
	return 0
}

func sysMsync(c *task.Call) task.Result {
	return fail(c.T.MM.Sync(c.Args[0], c.Args[1], int(int32(c.Args[2]))))
}

func sysMlock(c *task.Call) task.Result {
	lim := c.T.MemoryLimits()
	return fail(c.T.MM.Lock(c.Args[0], c.Args[1], false, &lim))
}

// mlockOnFault is MLOCK_ONFAULT.
const mlockOnFault = 1

func sysMlock2(c *task.Call) task.Result {
	if uint32(c.Args[2])&^mlockOnFault != 0 {
		return fail(unix.EINVAL)
	}
	lim := c.T.MemoryLimits()
	return fail(c.T.MM.Lock(c.Args[0], c.Args[1], uint32(c.Args[2]) != 0, &lim))
}

func sysMunlock(c *task.Call) task.Result { return fail(c.T.MM.Unlock(c.Args[0], c.Args[1])) }

func sysMlockall(c *task.Call) task.Result {
	flags := uint32(c.Args[0])
	if flags == 0 || flags&^(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT) != 0 || flags == unix.MCL_ONFAULT {
		return fail(unix.EINVAL)
	}
	lim := c.T.MemoryLimits()
	return fail(c.T.MM.LockAll(flags&unix.MCL_CURRENT != 0, flags&unix.MCL_FUTURE != 0, flags&unix.MCL_ONFAULT != 0, &lim))
}

func sysMunlockall(c *task.Call) task.Result {
	c.T.MM.UnlockAll()
	return 0
}
