package vfs

import "golang.org/x/sys/unix"

// OpenExec opens a file to be executed (execve(2), execveat(2)): it takes the execute
// permission, not the one to read. EACCES for what is no regular file or is on a mount without
// execution, ETXTBSY while it is open for writing.
func (c *Context) OpenExec(dirfd int32, path []byte, at int) (*File, unix.Errno) {
	if at&^(unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW) != 0 {
		return nil, unix.EINVAL
	}
	p, e := c.LookupAt(dirfd, path, at)
	if e != 0 {
		return nil, e
	}
	in := p.Inode()
	switch {
	case in.Type() == unix.S_IFLNK:
		return nil, unix.ELOOP
	case !in.IsRegular() || p.Mnt.NoExec():
		return nil, unix.EACCES
	}
	if e := c.may(in, MayExec); e != 0 {
		return nil, e
	}
	if in.writers > 0 {
		return nil, unix.ETXTBSY
	}
	return c.opened(c.open(p, &OpenHow{Flags: unix.O_RDONLY}))
}
