package vfs

import "golang.org/x/sys/unix"

// What an access wants, as in access(2) and the mode bits.
const (
	MayExec  = 1
	MayWrite = 2
	MayRead  = 4
)

// may checks the mode bits of an inode for the caller (path_resolution(7),
// capabilities(7)).
func (c *Context) may(in *Inode, want uint32) unix.Errno {
	mode := in.Mode
	cr := c.Cred
	var got uint32
	switch {
	case cr.FSUID == in.Uid:
		got = mode >> 6
	case c.inGroup(in.Gid):
		got = mode >> 3
	default:
		got = mode
	}
	if want&^got == 0 {
		return in.Ops.Check(c, in, want)
	}
	if in.IsDir() {
		if c.Capable(unix.CAP_DAC_OVERRIDE) || want&MayWrite == 0 && c.Capable(unix.CAP_DAC_READ_SEARCH) {
			return in.Ops.Check(c, in, want)
		}
		return unix.EACCES
	}
	// Executing needs an execute bit for somebody, whoever asks.
	if (want&MayExec == 0 || mode&0111 != 0) && c.Capable(unix.CAP_DAC_OVERRIDE) ||
		want == MayRead && c.Capable(unix.CAP_DAC_READ_SEARCH) {
		return in.Ops.Check(c, in, want)
	}
	return unix.EACCES
}

// search checks the execute permission of a directory on the way.
func (c *Context) search(in *Inode) unix.Errno {
	if in.Mode&0111 == 0111 {
		return 0
	}
	return c.may(in, MayExec)
}

func (c *Context) inGroup(gid uint32) bool { return c.Cred.InGroup(gid) }

// Capable reports whether the caller has an effective capability.
func (c *Context) Capable(capability uint) bool {
	return c.Cred.Has(capability)
}

// Owner reports whether the caller may do what only the owner may (inode_owner_or_capable).
func (c *Context) Owner(in *Inode) bool {
	return c.Cred.FSUID == in.Uid || c.Capable(unix.CAP_FOWNER)
}

// mayChange checks that names may be added to or removed from a directory.
func (c *Context) mayChange(p Path) unix.Errno {
	if p.Mnt.readOnly() {
		return unix.EROFS
	}
	return c.may(p.Inode(), MayWrite|MayExec)
}

// mayRemove checks that a name may be taken out of a directory: the sticky rule
// (unlink(2) EPERM).
func (c *Context) mayRemove(dir Path, victim *Inode) unix.Errno {
	if e := c.mayChange(dir); e != 0 {
		return e
	}
	d := dir.Inode()
	if d.Mode&unix.S_ISVTX != 0 && c.Cred.FSUID != victim.Uid && c.Cred.FSUID != d.Uid && !c.Capable(unix.CAP_FOWNER) {
		return unix.EPERM
	}
	if (d.Flags|victim.Flags)&(InodeAppendOnly|InodeImmutable) != 0 {
		return unix.EPERM
	}
	return 0
}

// dropSetID is the mode after a write or a change of owner by somebody
// unprivileged: without set-user-ID, and without set-group-ID where the group may execute.
func dropSetID(mode uint32) uint32 {
	if mode&unix.S_ISUID != 0 {
		mode &^= unix.S_ISUID
	}
	if mode&(unix.S_ISGID|0010) == unix.S_ISGID|0010 {
		mode &^= unix.S_ISGID
	}
	return mode
}

// MayRead reports whether the caller may read a file.
func (c *Context) MayRead(in *Inode) bool { return c.may(in, MayRead) == 0 }
