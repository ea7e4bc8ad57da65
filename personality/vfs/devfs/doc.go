// Package devfs fills /dev: the memory devices, the names of terminals, /dev/pts and
// /dev/shm.
//
// /dev itself is an instance of the file system in memory, so that programs can add
// nodes; what is here are the drivers of major number 1, the list of nodes, and
// devpts. Terminals are driven by package tty, which it imports beside vfs.
package devfs
