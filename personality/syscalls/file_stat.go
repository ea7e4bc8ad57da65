package syscalls

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/personality/task"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// putStat writes struct stat of p.
func putStat(x *vfs.Context, p vfs.Path, va uint64) task.Result {
	var st unix.Stat_t
	x.Stat(p, &st)
	_, e := usermem.CopyOut(x.Mem, va, unsafe.Slice((*byte)(unsafe.Pointer(&st)), unsafe.Sizeof(st)))
	return fail(e)
}

// sysStat is stat(2).
func sysStat(c *task.Call) task.Result { return stat(c, atFDCWD, c.Args[0], c.Args[1], 0) }

// sysLstat is lstat(2).
func sysLstat(c *task.Call) task.Result {
	return stat(c, atFDCWD, c.Args[0], c.Args[1], unix.AT_SYMLINK_NOFOLLOW)
}

// sysFstat is fstat(2).
func sysFstat(c *task.Call) task.Result {
	x := fileContext(c)
	f := x.Files.Get(int32(c.Args[0]))
	if f == nil {
		return fail(unix.EBADF)
	}
	return putStat(x, f.Path, c.Args[1])
}

// sysNewfstatat is fstatat(2).
func sysNewfstatat(c *task.Call) task.Result {
	flags := int(int32(c.Args[3]))
	if flags&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT) != 0 {
		return fail(unix.EINVAL)
	}
	return stat(c, c.Args[0], c.Args[1], c.Args[2], flags)
}

func stat(c *task.Call, dirfd, path, va uint64, flags int) task.Result {
	x := fileContext(c)
	name, e := x.ReadPath(path)
	if e != 0 {
		return fail(e)
	}
	p, e := x.LookupAt(int32(dirfd), name, flags)
	if e != 0 {
		return fail(e)
	}
	return putStat(x, p, va)
}

const statxSyncType = 0x6000 // AT_STATX_SYNC_TYPE

// sysStatx is statx(2).
func sysStatx(c *task.Call) task.Result {
	flags, mask := int(c.Args[2]), uint32(c.Args[3])
	const known = unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT | statxSyncType
	if mask&unix.STATX__RESERVED != 0 || flags&^known != 0 || flags&statxSyncType == statxSyncType {
		return fail(unix.EINVAL)
	}
	x := fileContext(c)
	name, e := x.ReadPath(c.Args[1])
	if e != 0 {
		return fail(e)
	}
	p, e := x.LookupAt(int32(c.Args[0]), name, flags)
	if e != 0 {
		return fail(e)
	}
	var st unix.Stat_t
	x.Stat(p, &st)
	in := p.Inode()
	sx := unix.Statx_t{
		Mask: unix.STATX_BASIC_STATS | unix.STATX_BTIME | unix.STATX_MNT_ID, Blksize: uint32(st.Blksize),
		Nlink: uint32(st.Nlink), Uid: st.Uid, Gid: st.Gid, Mode: uint16(st.Mode), Ino: st.Ino,
		Size: uint64(st.Size), Blocks: uint64(st.Blocks),
		Atime: statxTime(st.Atim), Mtime: statxTime(st.Mtim), Ctime: statxTime(st.Ctim),
		Btime:      unix.StatxTimestamp{Sec: in.Btime / 1e9, Nsec: uint32(in.Btime % 1e9)},
		Rdev_major: unix.Major(st.Rdev), Rdev_minor: unix.Minor(st.Rdev),
		Dev_major: unix.Major(st.Dev), Dev_minor: unix.Minor(st.Dev), Mnt_id: uint64(p.Mnt.Number),
		Attributes_mask: unix.STATX_ATTR_MOUNT_ROOT,
	}
	if p.D == p.Mnt.Root {
		sx.Attributes |= unix.STATX_ATTR_MOUNT_ROOT
	}
	_, e = usermem.CopyOut(x.Mem, c.Args[4], unsafe.Slice((*byte)(unsafe.Pointer(&sx)), unsafe.Sizeof(sx)))
	return fail(e)
}

func statxTime(t unix.Timespec) unix.StatxTimestamp {
	return unix.StatxTimestamp{Sec: t.Sec, Nsec: uint32(t.Nsec)}
}

// sysGetdents64 is getdents64(2), sysGetdents getdents(2).
func sysGetdents64(c *task.Call) task.Result { return getdents(c, false) }
func sysGetdents(c *task.Call) task.Result   { return getdents(c, true) }

// direntsMax bounds the buffer of one getdents: more than a page of names a call gains nothing.
const direntsMax = 64 << 10

func getdents(c *task.Call, old bool) task.Result {
	x := fileContext(c)
	f := openFile(x, c.Args[0])
	if f == nil {
		return fail(unix.EBADF)
	}
	buf := make([]byte, min(uint64(uint32(c.Args[2])), direntsMax))
	out := vfs.NewDirSink(buf, old)
	before := f.Pos
	if e := x.Readdir(f, out); e != 0 {
		return fail(e)
	}
	if out.Len() == 0 {
		if out.Full() {
			return fail(unix.EINVAL)
		}
		return 0
	}
	if _, e := usermem.CopyOut(x.Mem, c.Args[1], buf[:out.Len()]); e != 0 {
		f.Pos = before
		return fail(e)
	}
	return task.Result(out.Len())
}

// sysReadlink is readlink(2).
func sysReadlink(c *task.Call) task.Result {
	return readlink(c, atFDCWD, c.Args[0], c.Args[1], c.Args[2])
}

// sysReadlinkat is readlinkat(2).
func sysReadlinkat(c *task.Call) task.Result {
	return readlink(c, c.Args[0], c.Args[1], c.Args[2], c.Args[3])
}

func readlink(c *task.Call, dirfd, path, va, size uint64) task.Result {
	if int32(size) <= 0 {
		return fail(unix.EINVAL)
	}
	x := fileContext(c)
	name, e := x.ReadPath(path)
	if e != 0 {
		return fail(e)
	}
	p, e := x.LookupAt(int32(dirfd), name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH)
	if e != 0 {
		return fail(e)
	}
	if len(name) == 0 && p.Inode().Type() != unix.S_IFLNK {
		return fail(unix.ENOENT)
	}
	s, e := x.Readlink(p)
	if e != 0 {
		return fail(e)
	}
	b := []byte(s)
	n, e := usermem.CopyOut(x.Mem, va, b[:min(uint64(len(b)), uint64(int32(size)))])
	return either(int64(n), e)
}

// sysAccess is access(2).
func sysAccess(c *task.Call) task.Result { return access(c, atFDCWD, c.Args[0], c.Args[1], 0) }

// sysFaccessat is the system call behind faccessat(2) without flags.
func sysFaccessat(c *task.Call) task.Result {
	return access(c, c.Args[0], c.Args[1], c.Args[2], 0)
}

// sysFaccessat2 is faccessat2(2).
func sysFaccessat2(c *task.Call) task.Result {
	return access(c, c.Args[0], c.Args[1], c.Args[2], int(int32(c.Args[3])))
}

func access(c *task.Call, dirfd, path, mode uint64, flags int) task.Result {
	if uint32(mode)&^7 != 0 || flags&^(unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) != 0 {
		return fail(unix.EINVAL)
	}
	x := fileContext(c)
	if flags&unix.AT_EACCESS == 0 {
		// The real ids decide, and root's capabilities only for a real root (access(2)).
		cr := *x.Cred
		cr.FSUID, cr.FSGID = cr.UID, cr.GID
		if cr.UID == 0 {
			cr.Effective = cr.Permitted
		} else {
			cr.Effective = 0
		}
		x.Cred = &cr
	}
	name, e := x.ReadPath(path)
	if e != 0 {
		return fail(e)
	}
	p, e := x.LookupAt(int32(dirfd), name, flags)
	if e != 0 {
		return fail(e)
	}
	return fail(x.Access(p, uint32(mode)))
}
