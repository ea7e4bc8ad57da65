package vfstest

import (
	"bytes"
	"encoding/binary"
	"sort"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
)

// Open opens a path with open(2)'s flags.
func (w *World) Open(path string, flags int, mode uint32) (*vfs.File, unix.Errno) {
	how := vfs.OpenHow{Flags: uint32(flags), Mode: mode}
	if e := how.Check(); e != 0 {
		return nil, e
	}
	return w.C.Open(unix.AT_FDCWD, []byte(path), &how)
}

// MustOpen is Open where it has to work.
func (w *World) MustOpen(path string, flags int, mode uint32) *vfs.File {
	w.T.Helper()
	f, e := w.Open(path, flags, mode)
	if e != 0 {
		w.T.Fatalf("open %s: %v", path, e)
	}
	return f
}

// Write writes at the position of f.
func (w *World) Write(f *vfs.File, b []byte) (int, unix.Errno) {
	var io usermem.IO
	io.InitBytes(b)
	return w.C.Write(f, &io)
}

// Read reads at most n bytes at the position of f.
func (w *World) Read(f *vfs.File, n int) ([]byte, unix.Errno) {
	var io usermem.IO
	b := make([]byte, n)
	io.InitBytes(b)
	k, e := w.C.Read(f, &io)
	return b[:k], e
}

// WriteAt is pwrite(2).
func (w *World) WriteAt(f *vfs.File, b []byte, off int64) (int, unix.Errno) {
	var io usermem.IO
	io.InitBytes(b)
	return w.C.WriteAt(f, &io, off, false)
}

// ReadAt is pread(2).
func (w *World) ReadAt(f *vfs.File, n int, off int64) ([]byte, unix.Errno) {
	var io usermem.IO
	b := make([]byte, n)
	io.InitBytes(b)
	k, e := w.C.ReadAt(f, &io, off)
	return b[:k], e
}

// Lookup walks to a path, following a link at its end.
func (w *World) Lookup(path string) (vfs.Path, unix.Errno) {
	return w.C.Lookup(unix.AT_FDCWD, []byte(path), vfs.Follow)
}

// Stat is stat(2) without following a link at the end.
func (w *World) Stat(path string) (st unix.Stat_t, e unix.Errno) {
	p, e := w.C.Lookup(unix.AT_FDCWD, []byte(path), 0)
	if e == 0 {
		w.C.Stat(p, &st)
	}
	return st, e
}

// Mkdir is mkdir(2).
func (w *World) Mkdir(path string, mode uint32) unix.Errno {
	return w.C.Mkdir(unix.AT_FDCWD, []byte(path), mode)
}

// List is the names in a directory, sorted, "." and ".." left out.
func (w *World) List(path string) []string {
	w.T.Helper()
	f := w.MustOpen(path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	defer w.V.Put(f)
	var all []string
	for {
		names := w.ReadNames(f, 4096)
		if len(names) == 0 {
			break
		}
		for _, n := range names {
			if n != "." && n != ".." {
				all = append(all, n)
			}
		}
	}
	sort.Strings(all)
	return all
}

// ReadNames is one getdents64(2) with a buffer of size bytes.
func (w *World) ReadNames(f *vfs.File, size int) []string {
	w.T.Helper()
	b := make([]byte, size)
	out := vfs.NewDirSink(b, false)
	if e := w.C.Readdir(f, out); e != 0 {
		w.T.Fatalf("readdir: %v", e)
	}
	var all []string
	for b = b[:out.Len()]; len(b) > 0; b = b[binary.LittleEndian.Uint16(b[16:]):] {
		name := b[19:]
		all = append(all, string(name[:bytes.IndexByte(name, 0)]))
	}
	return all
}
