package syscalls

import (
	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// sysChmod is chmod(2).
func sysChmod(c *task.Call) task.Result { return chmod(c, atFDCWD, c.Args[0], c.Args[1], 0) }

// sysFchmodat is fchmodat(2): the system call has no flags.
func sysFchmodat(c *task.Call) task.Result { return chmod(c, c.Args[0], c.Args[1], c.Args[2], 0) }

// sysFchmod is fchmod(2).
func sysFchmod(c *task.Call) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	return fail(x.Chmod(f.Path, uint32(c.Args[1])))
}

func chmod(c *task.Call, dirfd, path, mode uint64, flags int) task.Result {
	x := fileContext(c)
	name, e := x.ReadPath(path)
	if e != 0 {
		return fail(e)
	}
	p, e := x.LookupAt(int32(dirfd), name, flags)
	if e != 0 {
		return fail(e)
	}
	return fail(x.Chmod(p, uint32(mode)))
}

// sysChown is chown(2), sysLchown lchown(2).
func sysChown(c *task.Call) task.Result {
	return chown(c, atFDCWD, c.Args[0], c.Args[1], c.Args[2], 0)
}
func sysLchown(c *task.Call) task.Result {
	return chown(c, atFDCWD, c.Args[0], c.Args[1], c.Args[2], unix.AT_SYMLINK_NOFOLLOW)
}

// sysFchownat is fchownat(2).
func sysFchownat(c *task.Call) task.Result {
	flags := int(int32(c.Args[4]))
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return fail(unix.EINVAL)
	}
	return chown(c, c.Args[0], c.Args[1], c.Args[2], c.Args[3], flags)
}

// sysFchown is fchown(2).
func sysFchown(c *task.Call) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	return fail(x.Chown(f.Path, uint32(c.Args[1]), uint32(c.Args[2])))
}

func chown(c *task.Call, dirfd, path, uid, gid uint64, flags int) task.Result {
	x := fileContext(c)
	name, e := x.ReadPath(path)
	if e != 0 {
		return fail(e)
	}
	p, e := x.LookupAt(int32(dirfd), name, flags)
	if e != 0 {
		return fail(e)
	}
	return fail(x.Chown(p, uint32(uid), uint32(gid)))
}

// sysUmask is umask(2).
func sysUmask(c *task.Call) task.Result {
	x := fileContext(c)
	old := x.FS.Umask
	x.FS.Umask = uint32(c.Args[0]) & 0777
	return task.Result(old)
}

// sysTruncate is truncate(2).
func sysTruncate(c *task.Call) task.Result {
	if int64(c.Args[1]) < 0 {
		return fail(unix.EINVAL)
	}
	x, p, e := place(c, atFDCWD, c.Args[0], vfs.Follow)
	if e == 0 {
		e = x.Truncate(p, int64(c.Args[1]))
		raised(c, x)
	}
	return fail(e)
}

// sysFtruncate is ftruncate(2).
func sysFtruncate(c *task.Call) task.Result {
	x := fileContext(c)
	if int64(c.Args[1]) < 0 {
		return fail(unix.EINVAL)
	}
	f := openFile(x, c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	e := x.TruncateFile(f, int64(c.Args[1]))
	raised(c, x)
	return fail(e)
}

// sysFallocate is fallocate(2).
func sysFallocate(c *task.Call) task.Result {
	x := fileContext(c)
	mode, off, n := uint32(c.Args[1]), int64(c.Args[2]), int64(c.Args[3])
	f := openFile(x, c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	const known = unix.FALLOC_FL_KEEP_SIZE | unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_COLLAPSE_RANGE |
		unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_INSERT_RANGE | unix.FALLOC_FL_UNSHARE_RANGE
	switch {
	case off < 0 || n <= 0:
		return fail(unix.EINVAL)
	case mode&^known != 0, mode&unix.FALLOC_FL_PUNCH_HOLE != 0 && mode&unix.FALLOC_FL_KEEP_SIZE == 0:
		return fail(unix.EOPNOTSUPP)
	case !f.Writable():
		return fail(unix.EBADF)
	case f.Inode.Type() == unix.S_IFIFO:
		return fail(unix.ESPIPE)
	case f.Inode.IsDir():
		return fail(unix.EISDIR)
	case !f.Inode.IsRegular():
		return fail(unix.ENODEV)
	case off+n < 0:
		return fail(unix.EFBIG)
	}
	e := x.Fallocate(f, mode, off, n)
	raised(c, x)
	return fail(e)
}

// sysFadvise64 is posix_fadvise(2): everything is in memory already.
func sysFadvise64(c *task.Call) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	switch {
	case f == nil:
		return fail(unix.EBADF)
	case f.Inode.Type() == unix.S_IFIFO:
		return fail(unix.ESPIPE)
	case int32(c.Args[3]) < 0 || int32(c.Args[3]) > unix.FADV_NOREUSE || int64(c.Args[2]) < 0:
		return fail(unix.EINVAL)
	}
	return 0
}

// sysReadahead is readahead(2).
func sysReadahead(c *task.Call) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	switch {
	case f == nil || !f.Readable():
		return fail(unix.EBADF)
	case !f.Inode.IsRegular():
		return fail(unix.EINVAL)
	}
	return 0
}

// sysSync is sync(2): there is nothing behind memory.
func sysSync(*task.Call) task.Result { return 0 }

// sysFsync is fsync(2), and fdatasync(2).
func sysFsync(c *task.Call) task.Result {
	f := openFile(fileContext(c), c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	switch f.Inode.Type() {
	case unix.S_IFREG, unix.S_IFDIR, unix.S_IFBLK:
		return 0
	}
	return fail(unix.EINVAL)
}

// sysSyncfs is syncfs(2).
func sysSyncfs(c *task.Call) task.Result {
	if openFile(fileContext(c), c.Args[0]) == nil {
		return fail(unix.EBADF)
	}
	return 0
}

// sysSyncFileRange is sync_file_range(2).
func sysSyncFileRange(c *task.Call) task.Result {
	f := openFile(fileContext(c), c.Args[0])
	off, n := int64(c.Args[1]), int64(c.Args[2])
	switch {
	case f == nil:
		return fail(unix.EBADF)
	case uint32(c.Args[3])&^7 != 0 || off < 0 || n < 0 || off+n < 0:
		return fail(unix.EINVAL)
	}
	switch f.Inode.Type() {
	case unix.S_IFREG, unix.S_IFDIR, unix.S_IFBLK, unix.S_IFLNK:
		return 0
	}
	return fail(unix.ESPIPE)
}

// resolveTimes turns two times into what Utimes takes. nsec may be UTIME_NOW or UTIME_OMIT.
func resolveTimes(x *vfs.Context, at, mt unix.Timespec) (atime, mtime int64, set int, now bool, e unix.Errno) {
	wall := x.V.WallNow()
	now = true
	one := func(t unix.Timespec, bit int) int64 {
		switch t.Nsec {
		case unix.UTIME_OMIT:
			return 0
		case unix.UTIME_NOW:
			set |= bit
			return wall
		}
		if t.Nsec < 0 || t.Nsec > 999_999_999 {
			e = unix.EINVAL
		}
		now = false
		set |= bit
		const maxSec = 1 << 33 // keeps ns in 63 bits
		return max(-maxSec, min(maxSec, t.Sec))*1_000_000_000 + t.Nsec
	}
	atime, mtime = one(at, 1), one(mt, 2)
	if set != 3 {
		now = false
	}
	return
}

func readTimespec(x *vfs.Context, va uint64) (unix.Timespec, unix.Errno) {
	s, e := usermem.Read64(x.Mem, va)
	if e != 0 {
		return unix.Timespec{}, e
	}
	n, e := usermem.Read64(x.Mem, va+8)
	return unix.Timespec{Sec: int64(s), Nsec: int64(n)}, e
}

// sysUtimensat is utimensat(2).
func sysUtimensat(c *task.Call) task.Result {
	x := fileContext(c)
	at := unix.Timespec{Nsec: unix.UTIME_NOW}
	mt := at
	if va := c.Args[2]; va != 0 {
		var e unix.Errno
		if at, e = readTimespec(x, va); e != 0 {
			return fail(e)
		}
		if mt, e = readTimespec(x, va+16); e != 0 {
			return fail(e)
		}
		if at.Nsec == unix.UTIME_OMIT && mt.Nsec == unix.UTIME_OMIT {
			return 0
		}
	}
	return utimes(x, c.Args[0], c.Args[1], at, mt, int(int32(c.Args[3])))
}

func utimes(x *vfs.Context, dirfd, path uint64, at, mt unix.Timespec, flags int) task.Result {
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return fail(unix.EINVAL)
	}
	atime, mtime, set, now, e := resolveTimes(x, at, mt)
	if e != 0 {
		return fail(e)
	}
	var p vfs.Path
	if path == 0 && dirfd != atFDCWD && int32(dirfd) != unix.AT_FDCWD {
		// futimens(3): the descriptor itself.
		f := openFile(x, dirfd)
		if f == nil {
			return fail(unix.EBADF)
		}
		if flags != 0 {
			return fail(unix.EINVAL)
		}
		p = f.Path
	} else {
		name, e := x.ReadPath(path)
		if e != 0 {
			return fail(e)
		}
		if p, e = x.LookupAt(int32(dirfd), name, flags); e != 0 {
			return fail(e)
		}
	}
	return fail(x.Utimes(p, atime, mtime, set, now))
}

// sysUtimes is utimes(2), sysFutimesat futimesat(2), with microseconds.
func sysUtimes(c *task.Call) task.Result    { return utimesMicro(c, atFDCWD, c.Args[0], c.Args[1]) }
func sysFutimesat(c *task.Call) task.Result { return utimesMicro(c, c.Args[0], c.Args[1], c.Args[2]) }

func utimesMicro(c *task.Call, dirfd, path, va uint64) task.Result {
	x := fileContext(c)
	at := unix.Timespec{Nsec: unix.UTIME_NOW}
	mt := at
	if va != 0 {
		for i, t := range []*unix.Timespec{&at, &mt} {
			v, e := readTimespec(x, va+16*uint64(i))
			if e != 0 {
				return fail(e)
			}
			if v.Nsec < 0 || v.Nsec >= 1_000_000 {
				return fail(unix.EINVAL)
			}
			*t = unix.Timespec{Sec: v.Sec, Nsec: v.Nsec * 1000}
		}
	}
	return utimes(x, dirfd, path, at, mt, 0)
}

// sysUtime is utime(2), with seconds.
func sysUtime(c *task.Call) task.Result {
	x := fileContext(c)
	at := unix.Timespec{Nsec: unix.UTIME_NOW}
	mt := at
	if va := c.Args[1]; va != 0 {
		v, e := readTimespec(x, va)
		if e != 0 {
			return fail(e)
		}
		at, mt = unix.Timespec{Sec: v.Sec}, unix.Timespec{Sec: v.Nsec}
	}
	return utimes(x, atFDCWD, c.Args[0], at, mt, 0)
}

// The extended attributes: no file system here has them (xattr(7)).

// sysXattrRefuse is getxattr(2), setxattr(2), removexattr(2) by path.
func sysXattrRefuse(c *task.Call) task.Result { return xattr(c, vfs.Follow, unix.EOPNOTSUPP) }

// sysLxattrRefuse is the same without following a link.
func sysLxattrRefuse(c *task.Call) task.Result { return xattr(c, 0, unix.EOPNOTSUPP) }

// sysListxattr and sysLlistxattr list none.
func sysListxattr(c *task.Call) task.Result  { return xattr(c, vfs.Follow, 0) }
func sysLlistxattr(c *task.Call) task.Result { return xattr(c, 0, 0) }

// sysFxattrRefuse is the same by descriptor; sysFlistxattr lists none.
func sysFxattrRefuse(c *task.Call) task.Result { return fxattr(c, unix.EOPNOTSUPP) }
func sysFlistxattr(c *task.Call) task.Result   { return fxattr(c, 0) }

func xattr(c *task.Call, flags vfs.WalkFlags, e unix.Errno) task.Result {
	if _, _, bad := place(c, atFDCWD, c.Args[0], flags); bad != 0 {
		return fail(bad)
	}
	return fail(e)
}

func fxattr(c *task.Call, e unix.Errno) task.Result {
	if openFile(fileContext(c), c.Args[0]) == nil {
		return fail(unix.EBADF)
	}
	return fail(e)
}
