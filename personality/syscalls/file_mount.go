package syscalls

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// sysMount is mount(2).
func sysMount(c *task.Call) task.Result {
	x := fileContext(c)
	var text [3]string // source, type, data
	for i, va := range []uint64{c.Args[0], c.Args[2], c.Args[4]} {
		if va == 0 {
			continue
		}
		s, e := x.ReadString(va, vfs.PathMax-1)
		if e == unix.ENAMETOOLONG && i == 1 {
			e = unix.EINVAL
		}
		if e != 0 {
			return fail(e)
		}
		text[i] = s
	}
	flags := c.Args[3]
	if flags>>16 == 0xc0ed { // MS_MGC_VAL, which needs no more to be given
		flags &= 0xffff
	}
	name, e := x.ReadPath(c.Args[1])
	if e != 0 {
		return fail(e)
	}
	at, e := x.Lookup(unix.AT_FDCWD, name, vfs.Follow)
	if e != 0 {
		return fail(e)
	}
	return fail(x.Mount(text[0], at, text[1], flags, text[2], func() (vfs.Path, unix.Errno) {
		return x.Lookup(unix.AT_FDCWD, []byte(text[0]), vfs.Follow)
	}))
}

// sysUmount2 is umount2(2).
func sysUmount2(c *task.Call) task.Result {
	flags := vfs.Follow
	if uint32(c.Args[1])&unix.UMOUNT_NOFOLLOW != 0 {
		flags = 0
	}
	x, p, e := place(c, atFDCWD, c.Args[0], flags)
	if e != 0 {
		return fail(e)
	}
	return fail(x.Unmount(p, int(int32(c.Args[1]))))
}

// sysStatfs is statfs(2).
func sysStatfs(c *task.Call) task.Result {
	x, p, e := place(c, atFDCWD, c.Args[0], vfs.Follow)
	if e != 0 {
		return fail(e)
	}
	return putStatfs(x, p, c.Args[1])
}

// sysFstatfs is fstatfs(2).
func sysFstatfs(c *task.Call) task.Result {
	x := fileContext(c)
	f := x.Files.Get(int32(c.Args[0]))
	if f == nil {
		return fail(unix.EBADF)
	}
	return putStatfs(x, f.Path, c.Args[1])
}

func putStatfs(x *vfs.Context, p vfs.Path, va uint64) task.Result {
	var st unix.Statfs_t
	x.Statfs(p, &st)
	_, e := usermem.CopyOut(x.Mem, va, unsafe.Slice((*byte)(unsafe.Pointer(&st)), unsafe.Sizeof(st)))
	return fail(e)
}

// sysPrivilegedRefuse is what needs a privilege that leads nowhere here: EPERM.
func sysPrivilegedRefuse(*task.Call) task.Result { return fail(unix.EPERM) }

// sysNameToHandleRefuse is name_to_handle_at(2): no file system here can be exported.
func sysNameToHandleRefuse(c *task.Call) task.Result {
	if _, _, e := place(c, c.Args[0], c.Args[1], 0); e != 0 {
		return fail(e)
	}
	return fail(unix.EOPNOTSUPP)
}
