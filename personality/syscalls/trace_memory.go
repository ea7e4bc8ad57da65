package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs/epoll"
)

func processVMReadv(c *task.Call) task.Result  { return processVM(c, false) }
func processVMWritev(c *task.Call) task.Result { return processVM(c, true) }

// piece is one element of an iovec array.
type piece struct{ base, length uint64 }

// pieces reads an iovec array of the caller's. Addresses of the caller's own are checked.
func pieces(c *task.Call, va, count uint64, own bool) (list []piece, total uint64, e unix.Errno) {
	if count > maxIovecs {
		return nil, 0, unix.EINVAL
	}
	const most = 1<<31 - isa.PageSize // MAX_RW_COUNT
	for ; count > 0; count, va = count-1, va+16 {
		var b [16]byte
		if _, e := usermem.CopyIn(c.Mem(), b[:], va); e != 0 {
			return nil, 0, e
		}
		p := piece{binary.LittleEndian.Uint64(b[0:]), binary.LittleEndian.Uint64(b[8:])}
		if int64(p.length) < 0 {
			return nil, 0, unix.EINVAL
		}
		if own && (p.base >= isa.TaskSize || p.length > isa.TaskSize-p.base) {
			return nil, 0, unix.EFAULT
		}
		p.length = min(p.length, most-total)
		total += p.length
		list = append(list, p)
	}
	return list, total, 0
}

// processVM is process_vm_readv(2) and process_vm_writev(2): between the caller's memory and
// that of another process, with the rights of each. What was moved before an error counts.
func processVM(c *task.Call, write bool) task.Result {
	if c.Args[5] != 0 {
		return fail(unix.EINVAL)
	}
	local, total, e := pieces(c, c.Args[1], c.Args[2], true)
	if e != 0 || total == 0 {
		return fail(e)
	}
	remote, there, e := pieces(c, c.Args[3], c.Args[4], false)
	if e != 0 || there == 0 {
		return fail(e)
	}
	t := c.K.Thread(int32(c.Args[0]))
	switch {
	case t == nil || t.Run == task.Dead:
		return fail(unix.ESRCH)
	case !c.K.MayAccess(c.T, t, task.AccessAttach):
		return fail(unix.EPERM)
	case t.MM == nil:
		return fail(unix.ESRCH)
	}
	var from, to usermem.Memory = t.MM, c.Mem()
	source, target := remote, local
	if write {
		from, to, source, target = to, from, local, remote
	}
	moved, e := movePieces(to, target, from, source)
	if moved == 0 {
		return fail(e)
	}
	return task.Result(moved)
}

// movePieces moves bytes from one list of pieces to another until one is used up.
func movePieces(to usermem.Memory, target []piece, from usermem.Memory, source []piece) (moved uint64, e unix.Errno) {
	var buf [isa.PageSize]byte // a page of one may go away while the other is made present
	for len(source) > 0 && len(target) > 0 {
		s, d := &source[0], &target[0]
		if s.length == 0 {
			source = source[1:]
			continue
		}
		if d.length == 0 {
			target = target[1:]
			continue
		}
		n := min(s.length, d.length, isa.PageSize-s.base%isa.PageSize)
		got, e1 := usermem.CopyIn(from, buf[:n], s.base)
		put, e2 := usermem.CopyOut(to, d.base, buf[:got])
		moved += uint64(put)
		if e1 != 0 || e2 != 0 {
			return moved, unix.EFAULT
		}
		s.base, s.length = s.base+n, s.length-n
		d.base, d.length = d.base+n, d.length-n
	}
	return moved, 0
}

// What kcmp(2) compares.
const (
	kcmpFile = iota
	kcmpVM
	kcmpFiles
	kcmpFS
	kcmpSighand
	kcmpIO
	kcmpSysVSem
	kcmpEpoll
)

// kcmp tells whether two threads share something: 0, or an order of the two.
func kcmp(c *task.Call) task.Result {
	a, b := c.K.Thread(int32(c.Args[0])), c.K.Thread(int32(c.Args[1]))
	if a == nil || b == nil {
		return fail(unix.ESRCH)
	}
	if !c.K.MayAccess(c.T, a, 0) || !c.K.MayAccess(c.T, b, 0) {
		return fail(unix.EPERM)
	}
	if !a.Alive() || !b.Alive() || a.MM == nil || b.MM == nil {
		return fail(unix.ESRCH)
	}
	switch c.Args[2] & 0xffffffff {
	case kcmpFile:
		f, g := a.Files.Get(int32(c.Args[3])), b.Files.Get(int32(c.Args[4]))
		if f == nil || g == nil {
			return fail(unix.EBADF)
		}
		return ordered(f.Id, g.Id)
	case kcmpVM:
		return ordered(a.MM.ID, b.MM.ID)
	case kcmpFiles:
		return ordered(a.Files.ID, b.Files.ID)
	case kcmpFS:
		return ordered(a.FS.ID, b.FS.ID)
	case kcmpSighand:
		return ordered(a.Handlers.ID, b.Handlers.ID)
	case kcmpIO, kcmpSysVSem:
		return 0 // nobody has an I/O context or undo list
	case kcmpEpoll:
		return kcmpTarget(c, a, b)
	}
	return fail(unix.EINVAL)
}

// kcmpTarget compares a file with what an epoll instance watches: the struct kcmp_epoll_slot at
// the second index names its descriptor, the watched one, and which of those of that number.
func kcmpTarget(c *task.Call, a, b *task.Thread) task.Result {
	var slot [12]byte
	if _, e := usermem.CopyIn(c.Mem(), slot[:], c.Args[4]); e != 0 {
		return fail(e)
	}
	le := binary.LittleEndian
	f, g := a.Files.Get(int32(c.Args[3])), b.Files.Get(int32(le.Uint32(slot[0:])))
	if f == nil || g == nil {
		return fail(unix.EBADF)
	}
	instance := epoll.Of(g)
	if instance == nil {
		return fail(unix.EINVAL)
	}
	target := instance.Target(int32(le.Uint32(slot[4:])), le.Uint32(slot[8:]))
	if target == nil {
		return fail(unix.ENOENT)
	}
	return ordered(f.Id, target.Id)
}

func ordered(a, b uint64) task.Result {
	switch {
	case a == b:
		return 0
	case a < b:
		return 1
	}
	return 2
}
