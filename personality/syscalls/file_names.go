package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// sysMkdir is mkdir(2).
func sysMkdir(c *task.Call) task.Result { return mkdir(c, atFDCWD, c.Args[0], c.Args[1]) }

// sysMkdirat is mkdirat(2).
func sysMkdirat(c *task.Call) task.Result { return mkdir(c, c.Args[0], c.Args[1], c.Args[2]) }

func mkdir(c *task.Call, dirfd, path, mode uint64) task.Result {
	x := fileContext(c)
	p, e := x.ReadPath(path)
	if e != 0 {
		return fail(e)
	}
	return fail(x.Mkdir(int32(dirfd), p, uint32(mode)))
}

// sysRmdir is rmdir(2).
func sysRmdir(c *task.Call) task.Result {
	return unlink(c, atFDCWD, c.Args[0], unix.AT_REMOVEDIR)
}

// sysUnlink is unlink(2).
func sysUnlink(c *task.Call) task.Result { return unlink(c, atFDCWD, c.Args[0], 0) }

// sysUnlinkat is unlinkat(2).
func sysUnlinkat(c *task.Call) task.Result { return unlink(c, c.Args[0], c.Args[1], c.Args[2]) }

func unlink(c *task.Call, dirfd, path, flags uint64) task.Result {
	if uint32(flags)&^unix.AT_REMOVEDIR != 0 {
		return fail(unix.EINVAL)
	}
	x := fileContext(c)
	p, e := x.ReadPath(path)
	if e != 0 {
		return fail(e)
	}
	if flags&unix.AT_REMOVEDIR != 0 {
		return fail(x.Rmdir(int32(dirfd), p))
	}
	return fail(x.Unlink(int32(dirfd), p))
}

// sysMknod is mknod(2).
func sysMknod(c *task.Call) task.Result {
	return mknod(c, atFDCWD, c.Args[0], c.Args[1], c.Args[2])
}

// sysMknodat is mknodat(2).
func sysMknodat(c *task.Call) task.Result {
	return mknod(c, c.Args[0], c.Args[1], c.Args[2], c.Args[3])
}

func mknod(c *task.Call, dirfd, path, mode, dev uint64) task.Result {
	x := fileContext(c)
	p, e := x.ReadPath(path)
	if e != 0 {
		return fail(e)
	}
	// The number comes in the 32 bits of new_decode_dev, which is unix.Mkdev for small numbers.
	_, e = x.Mknod(int32(dirfd), p, uint32(uint16(mode)), dev&0xffffffff)
	return fail(e)
}

// sysSymlink is symlink(2).
func sysSymlink(c *task.Call) task.Result { return symlink(c, c.Args[0], atFDCWD, c.Args[1]) }

// sysSymlinkat is symlinkat(2).
func sysSymlinkat(c *task.Call) task.Result { return symlink(c, c.Args[0], c.Args[1], c.Args[2]) }

func symlink(c *task.Call, target, dirfd, path uint64) task.Result {
	x := fileContext(c)
	t, e := x.ReadPath(target)
	if e != 0 {
		return fail(e)
	}
	text := string(t)
	p, e := x.ReadPath(path)
	if e != 0 {
		return fail(e)
	}
	return fail(x.Symlink(text, int32(dirfd), p))
}

// sysLink is link(2).
func sysLink(c *task.Call) task.Result { return link(c, atFDCWD, c.Args[0], atFDCWD, c.Args[1], 0) }

// sysLinkat is linkat(2).
func sysLinkat(c *task.Call) task.Result {
	return link(c, c.Args[0], c.Args[1], c.Args[2], c.Args[3], int(int32(c.Args[4])))
}

func link(c *task.Call, fromDir, from, toDir, to uint64, flags int) task.Result {
	if flags&^(unix.AT_SYMLINK_FOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return fail(unix.EINVAL)
	}
	x := fileContext(c)
	if flags&unix.AT_EMPTY_PATH != 0 && !x.Capable(unix.CAP_DAC_READ_SEARCH) {
		return fail(unix.ENOENT)
	}
	name, e := x.ReadPathKeep(from)
	if e != 0 {
		return fail(e)
	}
	at := flags & unix.AT_EMPTY_PATH
	if flags&unix.AT_SYMLINK_FOLLOW == 0 {
		at |= unix.AT_SYMLINK_NOFOLLOW
	}
	p, e := x.LookupAt(int32(fromDir), name, at)
	if e != 0 {
		return fail(e)
	}
	name, e = x.ReadPath(to)
	if e != 0 {
		return fail(e)
	}
	return fail(x.Link(p, int32(toDir), name))
}

// sysRename is rename(2).
func sysRename(c *task.Call) task.Result {
	return rename(c, atFDCWD, c.Args[0], atFDCWD, c.Args[1], 0)
}

// sysRenameat is renameat(2).
func sysRenameat(c *task.Call) task.Result {
	return rename(c, c.Args[0], c.Args[1], c.Args[2], c.Args[3], 0)
}

// sysRenameat2 is renameat2(2).
func sysRenameat2(c *task.Call) task.Result {
	return rename(c, c.Args[0], c.Args[1], c.Args[2], c.Args[3], uint32(c.Args[4]))
}

func rename(c *task.Call, fromDir, from, toDir, to uint64, flags uint32) task.Result {
	x := fileContext(c)
	a, e := x.ReadPathKeep(from)
	if e != 0 {
		return fail(e)
	}
	b, e := x.ReadPath(to)
	if e != 0 {
		return fail(e)
	}
	return fail(x.Rename(int32(fromDir), a, int32(toDir), b, flags))
}

// sysChdir is chdir(2).
func sysChdir(c *task.Call) task.Result {
	x, p, e := place(c, atFDCWD, c.Args[0], vfs.Follow|vfs.Directory)
	if e != 0 {
		return fail(e)
	}
	return fail(x.Chdir(p))
}

// sysFchdir is fchdir(2).
func sysFchdir(c *task.Call) task.Result {
	x := fileContext(c)
	f := x.Files.Get(int32(c.Args[0]))
	if f == nil {
		return fail(unix.EBADF)
	}
	return fail(x.Chdir(f.Path))
}

// sysChroot is chroot(2).
func sysChroot(c *task.Call) task.Result {
	x, p, e := place(c, atFDCWD, c.Args[0], vfs.Follow|vfs.Directory)
	if e != 0 {
		return fail(e)
	}
	return fail(x.Chroot(p))
}

// sysGetcwd is getcwd(2): the raw call counts the NUL.
func sysGetcwd(c *task.Call) task.Result {
	x := fileContext(c)
	if !x.FS.Cwd.D.Linked() {
		return fail(unix.ENOENT)
	}
	name, reachable := x.Name(x.FS.Cwd)
	if !reachable {
		name = "(unreachable)" + name
	}
	b := append([]byte(name), 0)
	if uint64(len(b)) > c.Args[1] {
		return fail(unix.ERANGE)
	}
	if len(b) > vfs.PathMax {
		return fail(unix.ENAMETOOLONG)
	}
	n, e := usermem.CopyOut(x.Mem, c.Args[0], b)
	return either(int64(n), e)
}

// place walks to a path of the program.
func place(c *task.Call, dirfd, path uint64, flags vfs.WalkFlags) (*vfs.Context, vfs.Path, unix.Errno) {
	x := fileContext(c)
	name, e := x.ReadPath(path)
	if e != 0 {
		return x, vfs.Path{}, e
	}
	p, e := x.Lookup(int32(dirfd), name, flags)
	return x, p, e
}
