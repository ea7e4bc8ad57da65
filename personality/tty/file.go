package tty

import (
	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// fileHungUp in File.Key1: the terminal behind the open file was hung up.
const fileHungUp = 1

// file is an open terminal; File.Private is the *TTY, File.Key0 its id.
type file struct{ vfs.FileBase }

func terminal(f *vfs.File) *TTY { return f.Private.(*TTY) }

// Read implements vfs.FileOps.
func (file) Read(c *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	return terminal(f).read(c, f, io)
}

// Write implements vfs.FileOps.
func (file) Write(c *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	return terminal(f).write(c, io)
}

// Ready implements vfs.FileOps.
func (file) Ready(f *vfs.File, mask wait.Events) wait.Events { return terminal(f).ready() & mask }

// WaitID implements vfs.FileOps.
func (file) WaitID(f *vfs.File) wait.ID { return wait.ID(terminal(f).Id) }

// Ioctl implements vfs.FileOps.
func (file) Ioctl(c *vfs.Context, f *vfs.File, cmd uint32, arg uint64) (int64, unix.Errno) {
	return terminal(f).ioctl(c, f, cmd, arg)
}

// Release implements vfs.FileOps.
func (file) Release(_ *vfs.VFS, f *vfs.File) { terminal(f).close() }

// hungUpFile is an open terminal after a hangup (hung_up_tty_fops).
type hungUpFile struct{ vfs.FileBase }

// Read implements vfs.FileOps.
func (hungUpFile) Read(*vfs.Context, *vfs.File, *usermem.IO, int64) (int, unix.Errno) { return 0, 0 }

// Write implements vfs.FileOps.
func (hungUpFile) Write(*vfs.Context, *vfs.File, *usermem.IO, int64) (int, unix.Errno) {
	return 0, unix.EIO
}

// Ready implements vfs.FileOps.
func (hungUpFile) Ready(_ *vfs.File, mask wait.Events) wait.Events {
	return mask & (inputEvents | outputEvents | closeEvents)
}

// WaitID implements vfs.FileOps.
func (hungUpFile) WaitID(f *vfs.File) wait.ID { return wait.ID(f.Key0) }

// Ioctl implements vfs.FileOps.
func (hungUpFile) Ioctl(_ *vfs.Context, _ *vfs.File, cmd uint32, _ uint64) (int64, unix.Errno) {
	if cmd == unix.TIOCSPGRP {
		return 0, unix.ENOTTY
	}
	return 0, unix.EIO
}

// Release implements vfs.FileOps.
func (hungUpFile) Release(_ *vfs.VFS, f *vfs.File) {
	if t, ok := f.Private.(*TTY); ok {
		t.close()
	}
}

// attach makes f an open file of t.
func (t *TTY) attach(f *vfs.File) {
	f.Private, f.Key0 = t, t.Id
	f.Ops = file{}
	if f.Key1 == fileHungUp {
		f.Ops = hungUpFile{}
	}
	t.opens++
}
