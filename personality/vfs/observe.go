package vfs

import "golang.org/x/sys/unix"

// Observer is told what happens to files: inotify(7), whose bits the events are.
type Observer interface {
	// Happened: something happened to an inode, or, with a name, to an entry of a directory. cookie
	// connects the two halves of a move.
	Happened(in *Inode, what, cookie uint32, name string)
	// Gone: the inode has no names and no users any more.
	Gone(in *Inode)
	// Forget: the inode vanishes with its file system.
	Forget(in *Inode)
	// Cookie is a number for the next move.
	Cookie() uint32
}

// happened tells those who watch a file, or the directory it is in.
func (v *VFS) happened(d *Dentry, what uint32) {
	if v.Observed != 0 {
		v.tell(d, what)
	}
}

func (v *VFS) tell(d *Dentry, what uint32) {
	in, dir := d.Inode, d.Parent.Inode
	if (in.Flags|dir.Flags)&InodeObserved == 0 {
		return
	}
	if in.IsDir() {
		what |= unix.IN_ISDIR
	}
	if d.Parent != d && dir.Flags&InodeObserved != 0 {
		if !d.linked {
			what |= Unlinked
		}
		v.Observer.Happened(dir, what, 0, d.Name)
		what &^= Unlinked
	}
	v.itself(in, what)
}

// Unlinked is a bit beside the events: the name is none any more (IN_EXCL_UNLINK).
const Unlinked = 1 << 16

// itself tells those who watch an inode.
func (v *VFS) itself(in *Inode, what uint32) {
	if in.Flags&InodeObserved != 0 {
		if in.IsDir() {
			what |= unix.IN_ISDIR
		}
		v.Observer.Happened(in, what, 0, "")
	}
}

// entry tells those who watch a directory of one of its names.
func (v *VFS) entry(dir, in *Inode, what, cookie uint32, name string) {
	if dir.Flags&InodeObserved != 0 {
		if in.IsDir() {
			what |= unix.IN_ISDIR
		}
		v.Observer.Happened(dir, what, cookie, name)
	}
}

// moved tells of a rename that is done: d was name in the directory from. over is what it replaced, or nil.
func (v *VFS) moved(d *Dentry, from *Inode, name string, over *Inode) {
	in, to := d.Inode, d.Parent.Inode
	cookie := uint32(0)
	if (from.Flags|to.Flags)&InodeObserved != 0 {
		cookie = v.Observer.Cookie()
	}
	v.entry(from, in, unix.IN_MOVED_FROM, cookie, name)
	v.entry(to, in, unix.IN_MOVED_TO, cookie, d.Name)
	if over != nil {
		v.itself(over, unix.IN_ATTRIB)
	}
	v.itself(in, unix.IN_MOVE_SELF)
}
