package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/seccomp"
	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// filterInstruction is the size of struct sock_filter, filterProgram that of struct sock_fprog.
const (
	filterInstruction = 8
	filterProgram     = 16
)

func seccompCall(c *task.Call) task.Result {
	return doSeccomp(c, uint32(c.Args[0]), c.Args[1], c.Args[2])
}

// doSeccomp is seccomp(2); flags are 32 bits of the argument in Linux too.
func doSeccomp(c *task.Call, op uint32, flags, args uint64) task.Result {
	flags &= 0xffffffff
	switch op {
	case unix.SECCOMP_SET_MODE_STRICT:
		if flags != 0 || args != 0 {
			return fail(unix.EINVAL)
		}
		return fail(c.K.SetStrict(c.T))
	case unix.SECCOMP_SET_MODE_FILTER:
		return setFilter(c, flags, args)
	case unix.SECCOMP_GET_ACTION_AVAIL:
		if flags != 0 {
			return fail(unix.EINVAL)
		}
		a, e := usermem.Read32(c.Mem(), args)
		if e != 0 {
			return fail(e)
		}
		if !seccomp.Available(a) {
			return fail(unix.EOPNOTSUPP)
		}
		return 0
	case unix.SECCOMP_GET_NOTIF_SIZES:
		if flags != 0 {
			return fail(unix.EINVAL)
		}
		var b [6]byte
		binary.LittleEndian.PutUint16(b[0:], task.NoticeSize)
		binary.LittleEndian.PutUint16(b[2:], task.NoticeAnswerSize)
		binary.LittleEndian.PutUint16(b[4:], seccomp.DataSize)
		return put(c, args, b[:])
	}
	return fail(unix.EINVAL)
}

// filterFlags are the flags of SECCOMP_SET_MODE_FILTER that are known here. Speculation
// is not mitigated, so that there is nothing to allow.
const filterFlags = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_LOG |
	unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW | unix.SECCOMP_FILTER_FLAG_NEW_LISTENER |
	unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH | waitKillable

// waitKillable is SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV.
const waitKillable = 1 << 5

func setFilter(c *task.Call, flags, args uint64) task.Result {
	sync, listen := flags&unix.SECCOMP_FILTER_FLAG_TSYNC != 0, flags&unix.SECCOMP_FILTER_FLAG_NEW_LISTENER != 0
	plain := flags&unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH != 0
	// With both, a result could be a descriptor or a thread.
	if flags&^filterFlags != 0 || sync && listen && !plain || flags&waitKillable != 0 && !listen {
		return fail(unix.EINVAL)
	}
	p, e := readFilter(c, args)
	if e != 0 {
		return fail(e)
	}
	x := fileContext(c)
	var f *vfs.File
	listener := uint64(0)
	if listen {
		if !x.CanAlloc(1) {
			return fail(unix.EMFILE)
		}
		if f, e = c.K.NewListener(c.T); e != 0 {
			return fail(e)
		}
		listener = f.Key0
	}
	other, e := c.K.AddFilter(c.T, p, flags&unix.SECCOMP_FILTER_FLAG_LOG != 0, flags&waitKillable != 0, sync, listener)
	if e != 0 && f != nil {
		c.K.VFS.Put(f)
	}
	switch {
	case other != 0 && !plain:
		return task.Result(other)
	case e != 0:
		return fail(e)
	case f != nil:
		return install(x, f, 0, true)
	}
	return 0
}

// readFilter reads and checks a program. EACCES without no_new_privs or CAP_SYS_ADMIN.
func readFilter(c *task.Call, va uint64) ([]unix.SockFilter, unix.Errno) {
	le := binary.LittleEndian
	var head [filterProgram]byte
	if _, e := usermem.CopyIn(c.Mem(), head[:], va); e != 0 {
		return nil, e
	}
	n := int(le.Uint16(head[:]))
	if n == 0 || n > seccomp.MaxInstructions {
		return nil, unix.EINVAL
	}
	if !c.T.NoNewPrivs && !c.T.Cred.Has(unix.CAP_SYS_ADMIN) {
		return nil, unix.EACCES
	}
	b := make([]byte, n*filterInstruction)
	if _, e := usermem.CopyIn(c.Mem(), b, le.Uint64(head[8:])); e != 0 {
		return nil, e
	}
	p := make([]unix.SockFilter, n)
	for i := range p {
		w := b[i*filterInstruction:]
		p[i] = unix.SockFilter{Code: le.Uint16(w), Jt: w[2], Jf: w[3], K: le.Uint32(w[4:])}
	}
	if !seccomp.Check(p) {
		return nil, unix.EINVAL
	}
	return p, 0
}

// prctlSeccomp is prctl(2)'s PR_SET_SECCOMP.
func prctlSeccomp(c *task.Call, mode, args uint64) task.Result {
	switch mode {
	case seccomp.Strict:
		return doSeccomp(c, unix.SECCOMP_SET_MODE_STRICT, 0, 0)
	case seccomp.Filtered:
		return doSeccomp(c, unix.SECCOMP_SET_MODE_FILTER, 0, args)
	}
	return fail(unix.EINVAL)
}
