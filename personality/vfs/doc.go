// Package vfs is the file layer of the Linux personality: names, inodes, mounts,
// open files and descriptors, and what all file systems have in common.
//
// The objects, from the outside in:
//
//	FDTable   descriptors of a process: number -> open file, close-on-exec
//	File      an open file description: position, flags; shared by dup and fork
//	Path      a place in the tree: a mount and a dentry
//	Mount     a file system instance attached somewhere
//	Dentry    a name in a directory
//	Inode     a file: its attributes, and Ops, what its file system can do with it
//	Super     an instance of a file system
//
// Two kinds of file systems plug in. Where Super.InCore is set (tmpfs, devpts,
// sysfs) the dentries are the directories: a name that has no dentry does not exist.
// Otherwise (procfs) directories are computed: NodeOps.Lookup and NodeOps.Readdir
// are asked each time, and a dentry lives as long as something refers to it.
//
// Nothing here blocks. An operation that cannot go on returns EAGAIN and the
// system call layer records a wait for File.WaitID; woken, it runs the operation again.
//
// Everything that must survive a swap is in package state; pointers between
// objects are rebuilt by Import. The package may import state, wait, usermem and cred,
// and never a file system: those register themselves.
package vfs
