package vfs

import (
	"math"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
)

// MaxCount is the most one read or write moves (read(2): 0x7ffff000 bytes).
const MaxCount = 0x7ffff000

// Read is read(2) on a description opened for reading.
func (c *Context) Read(f *File, io *usermem.IO) (int, unix.Errno) {
	n, e := f.Ops.Read(c, f, io, f.Pos)
	if n > 0 {
		c.V.happened(f.D, unix.IN_ACCESS)
	}
	if f.Modes&ModeSeek != 0 {
		f.Pos += int64(n)
	}
	return n, e
}

// ReadAt is pread(2); off is not negative.
func (c *Context) ReadAt(f *File, io *usermem.IO, off int64) (int, unix.Errno) {
	n, e := f.Ops.Read(c, f, io, off)
	if n > 0 {
		c.V.happened(f.D, unix.IN_ACCESS)
	}
	return n, e
}

// Write is write(2) on a description opened for writing.
func (c *Context) Write(f *File, io *usermem.IO) (int, unix.Errno) {
	if f.Modes&ModeSeek == 0 {
		n, e := f.Ops.Write(c, f, io, 0)
		if n > 0 {
			c.V.happened(f.D, unix.IN_MODIFY)
		}
		return n, e
	}
	n, off, e := c.write(f, io, f.Pos, f.Flags&unix.O_APPEND != 0)
	if n > 0 {
		c.V.happened(f.D, unix.IN_MODIFY)
		f.Pos = off + int64(n)
	}
	return n, e
}

// WriteAt is pwrite(2). As on Linux, O_APPEND wins over off (pwrite(2) BUGS).
func (c *Context) WriteAt(f *File, io *usermem.IO, off int64, atEnd bool) (int, unix.Errno) {
	if f.Modes&ModeSeek == 0 {
		return c.Write(f, io)
	}
	n, _, e := c.write(f, io, off, atEnd || f.Flags&unix.O_APPEND != 0)
	if n > 0 {
		c.V.happened(f.D, unix.IN_MODIFY)
	}
	return n, e
}

// write applies O_APPEND and the limits of size.
func (c *Context) write(f *File, io *usermem.IO, off int64, atEnd bool) (int, int64, unix.Errno) {
	in := f.Inode
	if !in.IsRegular() {
		n, e := f.Ops.Write(c, f, io, off)
		return n, off, e
	}
	if atEnd {
		off = in.Size
	}
	n := io.Len()
	if n == 0 {
		return 0, off, 0
	}
	if uint64(off) >= c.FileSizeLimit {
		c.Raise = unix.SIGXFSZ
		return 0, off, unix.EFBIG
	}
	if off == math.MaxInt64 {
		return 0, off, unix.EFBIG
	}
	if room := min(c.FileSizeLimit, math.MaxInt64) - uint64(off); n > room {
		io.Limit(room)
	}
	k, e := f.Ops.Write(c, f, io, off)
	return k, off, e
}

// Seek is lseek(2).
func (c *Context) Seek(f *File, off int64, whence int) (int64, unix.Errno) {
	if uint(whence) > unix.SEEK_HOLE {
		return 0, unix.EINVAL
	}
	if f.Modes&ModeSeek == 0 {
		return 0, unix.ESPIPE
	}
	pos, e := f.Ops.Seek(c, f, off, whence)
	if e == 0 {
		f.Pos = pos
	}
	return pos, e
}
