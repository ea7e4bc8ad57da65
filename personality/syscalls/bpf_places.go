package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/personality/bpf"
	"starling/personality/perf"
	"starling/personality/state"
	"starling/personality/task"
	"starling/personality/uprobe"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

const (
	// multiReturn is BPF_F_UPROBE_MULTI_RETURN.
	multiReturn = 1
	// maxPlaces bounds how many places one link probes.
	maxPlaces = 1024
)

// bpfLinkPlaces is BPF_LINK_CREATE of BPF_TRACE_UPROBE_MULTI (bpf_uprobe_multi_link_attach of Linux).
func bpfLinkPlaces(c *bpfCall, p *bpf.Program) task.Result {
	a := &c.attr
	pathAt, offsets, count, flags, pid := a.u64(16), a.u64(24), a.u32(48), a.u32(52), int32(a.u32(56))
	switch {
	case a.u32(12) != 0, !p.Multi(), flags&^multiReturn != 0, pathAt == 0, offsets == 0, count == 0, pid < 0:
		return fail(unix.EINVAL)
	case count > maxPlaces:
		return fail(unix.E2BIG)
	}
	q := perf.Places{Program: p, AtReturn: flags&multiReturn != 0}
	path, e := usermem.String(c.Mem(), pathAt, vfs.PathMax-1)
	if e != 0 {
		return fail(e)
	}
	q.Path = path
	if q.File, e = c.x.Open(unix.AT_FDCWD, []byte(path), &vfs.OpenHow{Flags: unix.O_RDONLY}); e != 0 {
		return fail(e)
	}
	if e = c.places(&q, pid); e != 0 {
		c.K.VFS.Put(q.File)
		return fail(e)
	}
	return c.descriptor(c.K.Perf.AttachPlaces(&q))
}

// places reads and checks what is to be probed.
func (c *bpfCall) places(q *perf.Places, pid int32) unix.Errno {
	if !q.File.Inode.IsRegular() {
		return unix.EBADF
	}
	if pid != 0 {
		t := c.K.Thread(pid)
		if t == nil || !t.Alive() {
			return unix.ESRCH
		}
		q.PID = t.Proc.Pid
	}
	a := &c.attr
	offsets, counters, cookies := a.u64(24), a.u64(32), a.u64(40)
	for i := range uint64(a.u32(48)) {
		s := &state.BpfPlaceT{}
		for _, f := range []struct {
			at uint64
			to *uint64
		}{{offsets, &s.Offset}, {counters, &s.Counter}, {cookies, &s.Cookie}} {
			if f.at == 0 {
				continue
			}
			v, e := usermem.Read64(c.Mem(), f.at+8*i)
			if e != 0 {
				return e
			}
			*f.to = v
		}
		if int64(s.Offset) < 0 || s.Offset > uint64(q.File.Inode.Size) || s.Counter%2 != 0 {
			return unix.EINVAL
		}
		var e unix.Errno
		if s.Code, e = uprobe.Check(fileReader(c.x, q.File), s.Offset); e != 0 {
			return e
		}
		q.List = append(q.List, s)
	}
	return 0
}
