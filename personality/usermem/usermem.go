// Package usermem is access to the memory of programs.
//
// Every access is checked: a bad address gives EFAULT, never a crash. A value
// read twice may have changed in between; read once, use once.
package usermem

import (
	"bytes"
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/ipc"
)

// Memory is the memory of one address space.
type Memory interface {
	// Span returns the bytes at va that are contiguous in the window, at least 1
	// and at most n (n > 0), with the page made present for the access. The slice
	// is valid until the next call that can change mappings. Errno 0 is success; EFAULT, or ENOMEM.
	Span(va uint64, n int, access ipc.Access) ([]byte, unix.Errno)
}

// CopyIn reads len(dst) bytes at va. It returns how many were read before a fault.
func CopyIn(m Memory, dst []byte, va uint64) (int, unix.Errno) {
	n := 0
	for n < len(dst) {
		s, e := m.Span(va+uint64(n), len(dst)-n, ipc.Read)
		if e != 0 {
			return n, e
		}
		n += copy(dst[n:], s)
	}
	return n, 0
}

// CopyInStruct reads a structure of which the program says the size and dst is as much as is known: what
// the program does not have is zero, and what is not known must be (E2BIG), which is looked at first, from its
// front to its end (copy_struct_from_user, the rule of clone3, openat2, bpf and perf_event_open).
func CopyInStruct(m Memory, dst []byte, va, size uint64) unix.Errno {
	for at := uint64(len(dst)); at < size; {
		s, e := m.Span(va+at, int(size-at), ipc.Read)
		if e != 0 {
			return e
		}
		for _, b := range s {
			if b != 0 {
				return unix.E2BIG
			}
		}
		at += uint64(len(s))
	}
	n := min(size, uint64(len(dst)))
	clear(dst[n:])
	_, e := CopyIn(m, dst[:n], va)
	return e
}

// CopyOut writes src at va. It returns how many bytes were written before a fault.
func CopyOut(m Memory, va uint64, src []byte) (int, unix.Errno) {
	n := 0
	for n < len(src) {
		s, e := m.Span(va+uint64(n), len(src)-n, ipc.Write)
		if e != 0 {
			return n, e
		}
		n += copy(s, src[n:])
	}
	return n, 0
}

// Zero clears n bytes at va.
func Zero(m Memory, va uint64, n int) unix.Errno {
	for n > 0 {
		s, e := m.Span(va, n, ipc.Write)
		if e != 0 {
			return e
		}
		clear(s)
		va += uint64(len(s))
		n -= len(s)
	}
	return 0
}

// Read32 reads a little-endian word.
func Read32(m Memory, va uint64) (uint32, unix.Errno) {
	if s, e := m.Span(va, 4, ipc.Read); e == 0 && len(s) == 4 {
		return binary.LittleEndian.Uint32(s), 0
	}
	var b [4]byte
	_, e := CopyIn(m, b[:], va)
	return binary.LittleEndian.Uint32(b[:]), e
}

// Read64 reads a little-endian word.
func Read64(m Memory, va uint64) (uint64, unix.Errno) {
	if s, e := m.Span(va, 8, ipc.Read); e == 0 && len(s) == 8 {
		return binary.LittleEndian.Uint64(s), 0
	}
	var b [8]byte
	_, e := CopyIn(m, b[:], va)
	return binary.LittleEndian.Uint64(b[:]), e
}

// Write32 writes a little-endian word.
func Write32(m Memory, va uint64, v uint32) unix.Errno {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], v)
	_, e := CopyOut(m, va, b[:])
	return e
}

// Write64 writes a little-endian word.
func Write64(m Memory, va uint64, v uint64) unix.Errno {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	_, e := CopyOut(m, va, b[:])
	return e
}

// String reads a NUL-terminated string of at most max bytes, the NUL not
// counted. ENAMETOOLONG when there is no NUL within max+1 bytes.
func String(m Memory, va uint64, max int) (string, unix.Errno) {
	s, e := m.Span(va, max+1, ipc.Read)
	if e != 0 {
		return "", e
	}
	if i := bytes.IndexByte(s, 0); i >= 0 {
		return string(s[:i]), 0
	}
	n, e := StringLength(m, va, max)
	if e != 0 {
		return "", e
	}
	b := make([]byte, n)
	_, e = CopyIn(m, b, va)
	return unsafe.String(unsafe.SliceData(b), n), e
}

// StringLength is the length of a string that String would read.
func StringLength(m Memory, va uint64, max int) (int, unix.Errno) {
	for n := 0; n <= max; {
		s, e := m.Span(va+uint64(n), max+1-n, ipc.Read)
		if e != 0 {
			return 0, e
		}
		if i := bytes.IndexByte(s, 0); i >= 0 {
			return n + i, 0
		}
		n += len(s)
	}
	return 0, unix.ENAMETOOLONG
}

// Iovec is one piece of user memory.
type Iovec struct {
	Base uint64
	Len  uint64
}

// IO is where a read puts bytes or a write takes them from: pieces of user
// memory, consumed from the front. Buffers of the personality itself are IOs too (Bytes).
type IO struct {
	mem  Memory
	iov  []Iovec
	one  [1]Iovec
	own  []byte
	done int
}

// Init makes io the single piece [va, va+n). It allocates nothing.
func (io *IO) Init(m Memory, va uint64, n uint64) {
	io.mem, io.own, io.done = m, nil, 0
	io.one[0] = Iovec{va, n}
	io.iov = io.one[:]
}

// InitVector makes io the pieces of iov, which it consumes.
func (io *IO) InitVector(m Memory, iov []Iovec) {
	io.mem, io.own, io.done, io.iov = m, nil, 0, iov
}

// InitBytes makes io a buffer of the personality.
func (io *IO) InitBytes(b []byte) { *io = IO{own: b} }

// Len is how many bytes are left.
func (io *IO) Len() uint64 {
	if io.mem == nil {
		return uint64(len(io.own))
	}
	var n uint64
	for _, v := range io.iov {
		n += v.Len
	}
	return n
}

// Done is how many bytes were moved so far.
func (io *IO) Done() int { return io.done }

// next returns the next contiguous span, or nil at the end.
func (io *IO) next(max int, access ipc.Access) ([]byte, unix.Errno) {
	if io.mem == nil {
		return io.own[:min(max, len(io.own))], 0
	}
	for len(io.iov) > 0 && io.iov[0].Len == 0 {
		io.iov = io.iov[1:]
	}
	if len(io.iov) == 0 {
		return nil, 0
	}
	n := min(uint64(max), io.iov[0].Len)
	return io.mem.Span(io.iov[0].Base, int(n), access)
}

func (io *IO) advance(n int) {
	io.done += n
	if io.mem == nil {
		io.own = io.own[n:]
		return
	}
	io.iov[0].Base += uint64(n)
	io.iov[0].Len -= uint64(n)
}

// Put copies b to the IO (a read by the program). It stops at the end of the IO
// or at a fault; the count is right in any case.
func (io *IO) Put(b []byte) (int, unix.Errno) {
	n := 0
	if len(io.iov) == 1 {
		// Most often there is one piece, and this is in the way of every byte that
		// programs read and write: no calls but the one.
		v := &io.iov[0]
		for n < len(b) && v.Len > 0 {
			s, e := io.mem.Span(v.Base, int(min(uint64(len(b)-n), v.Len)), ipc.Write)
			if e != 0 {
				return n, e
			}
			k := copy(s, b[n:])
			v.Base += uint64(k)
			v.Len -= uint64(k)
			io.done += k
			n += k
		}
		return n, 0
	}
	for n < len(b) {
		s, e := io.next(len(b)-n, ipc.Write)
		if e != 0 || len(s) == 0 {
			return n, e
		}
		k := copy(s, b[n:])
		io.advance(k)
		n += k
	}
	return n, 0
}

// PutZero writes n zero bytes.
func (io *IO) PutZero(n int) (int, unix.Errno) {
	done := 0
	for done < n {
		s, e := io.next(n-done, ipc.Write)
		if e != 0 || len(s) == 0 {
			return done, e
		}
		clear(s)
		io.advance(len(s))
		done += len(s)
	}
	return done, 0
}

// Take copies from the IO to b (a write by the program).
func (io *IO) Take(b []byte) (int, unix.Errno) {
	n := 0
	if len(io.iov) == 1 {
		// Most often there is one piece, and this is in the way of every byte that
		// programs read and write: no calls but the one.
		v := &io.iov[0]
		for n < len(b) && v.Len > 0 {
			s, e := io.mem.Span(v.Base, int(min(uint64(len(b)-n), v.Len)), ipc.Read)
			if e != 0 {
				return n, e
			}
			k := copy(b[n:], s)
			v.Base += uint64(k)
			v.Len -= uint64(k)
			io.done += k
			n += k
		}
		return n, 0
	}
	for n < len(b) {
		s, e := io.next(len(b)-n, ipc.Read)
		if e != 0 || len(s) == 0 {
			return n, e
		}
		k := copy(b[n:], s)
		io.advance(k)
		n += k
	}
	return n, 0
}

// Peek returns the next contiguous bytes to be written, at most max, without taking them;
// nil at the end. Skip takes them. So a sink that turns one byte into several can stop
// exactly where its room ends.
func (io *IO) Peek(max int) ([]byte, unix.Errno) { return io.next(max, ipc.Read) }

// Skip takes n bytes that Peek returned.
func (io *IO) Skip(n int) { io.advance(n) }

// Limit makes io end after n more bytes.
func (io *IO) Limit(n uint64) {
	if io.mem == nil {
		io.own = io.own[:min(n, uint64(len(io.own)))]
		return
	}
	for i := range io.iov {
		if io.iov[i].Len >= n {
			io.iov[i].Len = n
			io.iov = io.iov[:i+1]
			return
		}
		n -= io.iov[i].Len
	}
}

// Forward drops the first n bytes without moving them; they do not count as done.
func (io *IO) Forward(n uint64) {
	if io.mem == nil {
		io.own = io.own[min(n, uint64(len(io.own))):]
		return
	}
	for n > 0 && len(io.iov) > 0 {
		k := min(n, io.iov[0].Len)
		io.iov[0].Base += k
		io.iov[0].Len -= k
		n -= k
		if io.iov[0].Len == 0 {
			io.iov = io.iov[1:]
		}
	}
}
