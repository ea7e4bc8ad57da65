package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/personality/bpf"
	"starling/personality/perf"
	"starling/personality/task"
	"starling/personality/vfs"
)

// bpfPathFD is BPF_F_PATH_FD: the path begins at a directory that the attributes name.
const bpfPathFD = 1 << 14

// pinPath walks the path of BPF_OBJ_PIN and BPF_OBJ_GET.
func (c *bpfCall) pinPath(t *vfs.Target) unix.Errno {
	a := &c.attr
	dir := int32(unix.AT_FDCWD)
	if a.u32(12)&bpfPathFD != 0 {
		dir = int32(a.u32(16))
	} else if a.u32(16) != 0 {
		return unix.EINVAL
	}
	path, e := c.x.ReadPath(a.u64(0))
	if e != 0 {
		return e
	}
	return c.x.LookupParent(dir, path, 0, t)
}

// bpfPin is BPF_OBJ_PIN. There is no file system of objects, and so no directory where they can be.
func bpfPin(c *bpfCall) task.Result {
	f := openFile(c.x, uint64(c.attr.u32(8)))
	switch {
	case c.attr.u32(12)&^bpfPathFD != 0:
		return fail(unix.EINVAL)
	case f == nil:
		return fail(unix.EBADF)
	case bpf.MapOf(f) == nil && bpf.ProgramOf(f) == nil && perf.LinkOf(f) == nil:
		return fail(unix.EINVAL)
	}
	var t vfs.Target
	switch e := c.pinPath(&t); {
	case e != 0:
		return fail(e)
	case t.Path.D != nil:
		return fail(unix.EEXIST)
	}
	return fail(unix.EPERM)
}

// bpfPinned is BPF_OBJ_GET: what there is at a path is no object.
func bpfPinned(c *bpfCall) task.Result {
	const rights = unix.BPF_F_RDONLY | unix.BPF_F_WRONLY
	if flags := c.attr.u32(12); c.attr.u32(8) != 0 || flags&^(bpfPathFD|rights) != 0 || flags&rights == rights {
		return fail(unix.EINVAL)
	}
	var t vfs.Target
	switch e := c.pinPath(&t); {
	case e != 0:
		return fail(e)
	case t.Path.D == nil:
		return fail(unix.ENOENT)
	}
	return fail(unix.EACCES)
}
