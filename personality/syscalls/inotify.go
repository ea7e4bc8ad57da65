package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/vfs"
	"starling/personality/vfs/inotify"
)

func sysInotifyInit(c *task.Call) task.Result { return inotifyInit(c, 0) }

func sysInotifyInit1(c *task.Call) task.Result { return inotifyInit(c, uint32(c.Args[0])) }

// inotifyInit is inotify_init1(2).
func inotifyInit(c *task.Call, flags uint32) task.Result {
	if flags&^(unix.IN_CLOEXEC|unix.IN_NONBLOCK) != 0 {
		return fail(unix.EINVAL)
	}
	x := fileContext(c)
	f, e := c.K.Inotify.Create(x, flags)
	return install(x, f, e, flags&unix.IN_CLOEXEC != 0)
}

// sysInotifyAddWatch is inotify_add_watch(2).
func sysInotifyAddWatch(c *task.Call) task.Result {
	x, mask := fileContext(c), uint32(c.Args[2])
	if e := inotify.CheckMask(mask); e != 0 {
		return fail(e)
	}
	f := openFile(x, c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	i := inotify.Of(f)
	if i == nil || mask&unix.IN_MASK_ADD != 0 && mask&unix.IN_MASK_CREATE != 0 {
		return fail(unix.EINVAL)
	}
	name, e := x.ReadPath(c.Args[1])
	if e != 0 {
		return fail(e)
	}
	flags := vfs.WalkFlags(0)
	if mask&unix.IN_DONT_FOLLOW == 0 {
		flags |= vfs.Follow
	}
	if mask&unix.IN_ONLYDIR != 0 {
		flags |= vfs.Directory
	}
	p, e := x.Lookup(unix.AT_FDCWD, name, flags)
	if e != 0 {
		return fail(e)
	}
	wd, e := i.Add(x, p, mask)
	return either(int64(wd), e)
}

// sysInotifyRmWatch is inotify_rm_watch(2).
func sysInotifyRmWatch(c *task.Call) task.Result {
	f := openFile(fileContext(c), c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	i := inotify.Of(f)
	if i == nil {
		return fail(unix.EINVAL)
	}
	return fail(i.Remove(int32(c.Args[1])))
}
