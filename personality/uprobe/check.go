package uprobe

import (
	"io"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
)

// ENOTSUPP is Linux's errno for an instruction that cannot be probed.
const ENOTSUPP = unix.Errno(524)

// Reader reads a file.
type Reader func(b []byte, off int64) (int, unix.Errno)

// ReadAt implements io.ReaderAt.
func (r Reader) ReadAt(b []byte, off int64) (int, error) {
	n, e := r(b, off)
	if e != 0 {
		return n, e
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Check decides whether there can be a probe at an offset of a file, and returns the instruction there. EINVAL: the
// place is not code. EILSEQ: an instruction does not begin there. ENOTSUPP: the instruction cannot be probed.
func Check(r Reader, offset uint64) ([]byte, unix.Errno) {
	f, e := readImage(r)
	if e != 0 {
		return nil, e
	}
	segment := f.code(offset)
	if segment == nil || f.data(offset) {
		return nil, unix.EINVAL
	}
	code := make([]byte, min(isa.InstructionLength, segment.Filesz-(offset-segment.Off)))
	if n, _ := r.ReadAt(code, int64(offset)); n < len(code) {
		return nil, unix.EIO
	}
	p, ok := isa.AnalyzeProbe(code)
	if !ok {
		return nil, ENOTSUPP
	}
	if start, ok := f.function(r, segment, offset); ok && !begins(r, start, offset) {
		return nil, unix.EILSEQ
	}
	return code[:p.Length], 0
}

// maxFunction bounds how far instructions are followed to see where one begins.
const maxFunction = 1 << 20

// begins reports whether one of the instructions from start on begins at offset. True too where that
// cannot be told: behind bytes that are no instruction.
func begins(r Reader, start, offset uint64) bool {
	if start > offset || offset-start > maxFunction {
		return true
	}
	b := make([]byte, offset-start+isa.InstructionLength)
	n, _ := r.ReadAt(b, int64(start))
	b = b[:n]
	at := uint64(0)
	for at < offset-start && at < uint64(len(b)) {
		size := isa.InstructionSize(b[at:])
		if size == 0 {
			return true
		}
		at += uint64(size)
	}
	return at == offset-start
}
