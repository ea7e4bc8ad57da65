package devfs

import (
	"golang.org/x/sys/unix"

	"starling/personality/tty"
	"starling/personality/vfs"
)

// node is one entry of /dev.
type node struct {
	name   string
	mode   uint32
	major  uint32
	minor  uint32
	gid    uint32
	target string // of a symbolic link
}

// nodes is what /dev has at boot.
var nodes = []node{
	{name: "null", mode: unix.S_IFCHR | 0666, major: majorMemory, minor: minorNull},
	{name: "zero", mode: unix.S_IFCHR | 0666, major: majorMemory, minor: minorZero},
	{name: "full", mode: unix.S_IFCHR | 0666, major: majorMemory, minor: minorFull},
	{name: "random", mode: unix.S_IFCHR | 0666, major: majorMemory, minor: minorRandom},
	{name: "urandom", mode: unix.S_IFCHR | 0666, major: majorMemory, minor: minorURandom},
	{name: "tty", mode: unix.S_IFCHR | 0666, major: tty.MajorAux, minor: 0, gid: ttyGroup},
	{name: "console", mode: unix.S_IFCHR | 0600, major: tty.MajorAux, minor: 1},
	{name: "ptmx", mode: unix.S_IFCHR | 0666, major: tty.MajorAux, minor: 2, gid: ttyGroup},
	{name: "ttyS0", mode: unix.S_IFCHR | 0620, major: tty.MajorTerminal, minor: tty.MinorSerial, gid: ttyGroup},
	{name: "pts", mode: unix.S_IFDIR | 0755},
	{name: "shm", mode: unix.S_IFDIR | 0755},
	{name: "fd", target: "/proc/self/fd"},
	{name: "stdin", target: "/proc/self/fd/0"},
	{name: "stdout", target: "/proc/self/fd/1"},
	{name: "stderr", target: "/proc/self/fd/2"},
}

// Mount mounts dev at /dev with everything in it, devpts at /dev/pts and shm at
// /dev/shm. It makes /dev where the root file system has none.
func Mount(v *vfs.VFS, dev, shm *vfs.Super, pts *Pts) unix.Errno {
	for _, n := range nodes {
		var d *vfs.Dentry
		var e unix.Errno
		if n.target != "" {
			_, e = v.AddLink(dev.Root, n.name, n.target)
		} else if d, e = v.AddNode(dev.Root, n.name, n.mode, unix.Mkdev(n.major, n.minor)); e == 0 {
			d.Inode.Gid = n.gid
		}
		if e != 0 {
			return e
		}
	}
	for _, m := range []struct {
		super  *vfs.Super
		path   string
		flags  uint64
		source string
	}{
		{dev, "/dev", unix.MS_NOSUID, "udev"},
		{pts.Super(), "/dev/pts", unix.MS_NOSUID | unix.MS_NOEXEC, "devpts"},
		{shm, "/dev/shm", unix.MS_NOSUID | unix.MS_NODEV, "tmpfs"},
	} {
		if e := MountAt(v, m.super, m.path, m.flags, m.source); e != 0 {
			return e
		}
	}
	return 0
}

// MountAt mounts an instance at a path, which is made a directory if it does not exist.
func MountAt(v *vfs.VFS, s *vfs.Super, path string, flags uint64, source string) unix.Errno {
	c := v.System()
	if e := c.Mkdir(unix.AT_FDCWD, []byte(path), 0755); e != 0 && e != unix.EEXIST {
		return e
	}
	at, e := c.Lookup(unix.AT_FDCWD, []byte(path), vfs.Follow)
	if e != 0 {
		return e
	}
	_, e = v.Attach(s, s.Root, at, flags, source)
	return e
}
