package syscalls

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/personality/seccomp"
	"starling/personality/signal"
	"starling/personality/task"
	"starling/personality/usermem"
)

// The requests of ptrace(2) that tell about a stop, signals and filters.

func traceEventMessage(c *task.Call, t *task.Thread, _, data uint64) task.Result {
	return fail(usermem.Write64(c.Mem(), data, t.EventMessage()))
}

func traceGetInfo(c *task.Call, t *task.Thread, _, data uint64) task.Result {
	i := t.StopInfo()
	if i == nil {
		return fail(unix.EINVAL)
	}
	var b [signal.InfoSize]byte
	i.Put(&b)
	return put(c, data, b[:])
}

func traceSetInfo(c *task.Call, t *task.Thread, _, data uint64) task.Result {
	var b [signal.InfoSize]byte
	if _, e := usermem.CopyIn(c.Mem(), b[:], data); e != 0 {
		return fail(e)
	}
	i, ok := signal.Get(&b)
	if !ok {
		return fail(unix.E2BIG)
	}
	if !t.SetStopInfo(i) {
		return fail(unix.EINVAL)
	}
	return 0
}

// peekShared is PTRACE_PEEKSIGINFO_SHARED.
const peekShared = 1

// tracePeekInfo copies queued signals; addr is {offset, flags, count}.
func tracePeekInfo(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	var b [16]byte
	if _, e := usermem.CopyIn(c.Mem(), b[:], addr); e != 0 {
		return fail(e)
	}
	le := binary.LittleEndian
	off, flags, n := le.Uint64(b[0:]), le.Uint32(b[8:]), int32(le.Uint32(b[12:]))
	if flags&^peekShared != 0 || n < 0 {
		return fail(unix.EINVAL)
	}
	q := &t.Signals
	if flags&peekShared != 0 {
		q = &t.Proc.Signals
	}
	done := int32(0)
	for ; done < n && off < uint64(q.Len()); done, off = done+1, off+1 {
		var b [signal.InfoSize]byte
		q.At(int(off)).Put(&b)
		if _, e := usermem.CopyOut(c.Mem(), data, b[:]); e != 0 {
			if done == 0 {
				return fail(e)
			}
			break
		}
		data += signal.InfoSize
	}
	return task.Result(done)
}

func traceGetMask(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	if addr != setSize {
		return fail(unix.EINVAL)
	}
	m := t.Mask
	if t.RestoreMask {
		m = t.SavedMask
	}
	return fail(usermem.Write64(c.Mem(), data, m))
}

func traceSetMask(c *task.Call, t *task.Thread, addr, data uint64) task.Result {
	if addr != setSize {
		return fail(unix.EINVAL)
	}
	m, e := usermem.Read64(c.Mem(), data)
	if e != 0 {
		return fail(e)
	}
	t.KeepMask()
	c.K.SetMask(t, signal.Set(m))
	return 0
}

// Layout of struct ptrace_syscall_info (linux/ptrace.h): op, arch, ip, sp, then by op.
const (
	callInfoNone    = 24
	callInfoEntry   = callInfoNone + 8 + 6*8
	callInfoExit    = callInfoNone + 8 + 1
	callInfoSeccomp = callInfoEntry + 4
	callInfoSize    = 88
)

func traceCallInfo(c *task.Call, t *task.Thread, size, data uint64) task.Result {
	var b [callInfoSize]byte
	le := binary.LittleEndian
	f := t.Frame()
	le.PutUint32(b[4:], isa.AuditArch)
	le.PutUint64(b[8:], isa.IP(f))
	le.PutUint64(b[16:], isa.SP(f))
	op, extra := t.SyscallStop()
	b[0] = byte(op)
	n := callInfoNone
	switch op {
	case task.InfoEntry, task.InfoSeccomp:
		number, args := t.CallNow()
		le.PutUint64(b[24:], uint64(int64(number)))
		for i, a := range args {
			le.PutUint64(b[32+8*i:], a)
		}
		n = callInfoEntry
		if op == task.InfoSeccomp {
			le.PutUint32(b[callInfoEntry:], uint32(extra))
			n = callInfoSeccomp
		}
	case task.InfoExit:
		v := isa.Result(f)
		le.PutUint64(b[24:], uint64(v))
		if v < 0 && v >= -4095 {
			b[32] = 1
		}
		n = callInfoExit
	}
	if r := put(c, data, b[:min(uint64(n), size)]); r != 0 {
		return r
	}
	return task.Result(n)
}

// rseqSize is the size of struct ptrace_rseq_configuration.
const rseqSize = 24

// traceRseq tells what a thread has registered with rseq(2).
func traceRseq(c *task.Call, t *task.Thread, size, data uint64) task.Result {
	var b [rseqSize]byte
	area, length, sign := t.RseqArea()
	binary.LittleEndian.PutUint64(b[0:], area)
	binary.LittleEndian.PutUint32(b[8:], length)
	binary.LittleEndian.PutUint32(b[12:], sign)
	if r := put(c, data, b[:min(size, rseqSize)]); r != 0 {
		return r
	}
	return rseqSize
}

// filterOf finds filter n of a thread for a tracer, who needs CAP_SYS_ADMIN and no filter itself.
func filterOf(c *task.Call, t *task.Thread, n uint64) (*seccomp.Filter, unix.Errno) {
	if !c.T.Cred.Has(unix.CAP_SYS_ADMIN) || c.T.Guard().Mode != seccomp.Disabled {
		return nil, unix.EACCES
	}
	g := t.Guard()
	if g.Mode != seccomp.Filtered {
		return nil, unix.EINVAL
	}
	f := g.Filter.Nth(n)
	if f == nil {
		return nil, unix.ENOENT
	}
	return f, 0
}

func traceGetFilter(c *task.Call, t *task.Thread, n, data uint64) task.Result {
	f, e := filterOf(c, t, n)
	if e != 0 {
		return fail(e)
	}
	if data != 0 {
		b := make([]byte, 0, len(f.Program)*filterInstruction)
		for _, i := range f.Program {
			b = binary.LittleEndian.AppendUint16(b, i.Code)
			b = append(b, i.Jt, i.Jf)
			b = binary.LittleEndian.AppendUint32(b, i.K)
		}
		if r := put(c, data, b); r != 0 {
			return r
		}
	}
	return task.Result(len(f.Program))
}

// traceFilterMetadata: data is {filter, flags}, size how much of it there is.
func traceFilterMetadata(c *task.Call, t *task.Thread, size, data uint64) task.Result {
	if !c.T.Cred.Has(unix.CAP_SYS_ADMIN) || c.T.Guard().Mode != seccomp.Disabled {
		return fail(unix.EACCES)
	}
	size = min(size, 16)
	if size < 8 {
		return fail(unix.EINVAL)
	}
	n, e := usermem.Read64(c.Mem(), data)
	if e != 0 {
		return fail(e)
	}
	f, e := filterOf(c, t, n)
	if e != 0 {
		return fail(e)
	}
	var b [16]byte
	binary.LittleEndian.PutUint64(b[0:], n)
	if f.Log {
		binary.LittleEndian.PutUint64(b[8:], unix.SECCOMP_FILTER_FLAG_LOG)
	}
	if r := put(c, data, b[:size]); r != 0 {
		return r
	}
	return task.Result(size)
}
