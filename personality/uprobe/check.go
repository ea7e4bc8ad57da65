package uprobe

import (
	"debug/elf"
	"encoding/binary"
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
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, unix.ENOEXEC
	}
	segment := codeSegment(f, offset)
	if segment == nil || dataSection(f, offset) {
		return nil, unix.EINVAL
	}
	code := make([]byte, min(isa.InstructionLength, segment.Off+segment.Filesz-offset))
	if n, _ := r.ReadAt(code, int64(offset)); n < len(code) {
		return nil, unix.EIO
	}
	p, ok := isa.AnalyzeProbe(code)
	if !ok {
		return nil, ENOTSUPP
	}
	if start, ok := functionOf(f, r, segment, offset); ok && !begins(r, start, offset) {
		return nil, unix.EILSEQ
	}
	return code[:p.Length], 0
}

// codeSegment is the part of the file with the offset that is mapped for execution.
func codeSegment(f *elf.File, offset uint64) *elf.Prog {
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && offset >= p.Off && offset-p.Off < p.Filesz {
			return p
		}
	}
	return nil
}

// dataSection reports whether the sections say that what is there is no code though it is mapped like
// code: constants, the header of the file. A file without sections does not say that.
func dataSection(f *elf.File, offset uint64) bool {
	known := false
	for _, s := range f.Sections {
		if s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		if known = true; offset >= s.Offset && offset-s.Offset < s.FileSize {
			return false
		}
	}
	return known
}

// Symbols of ELF64: st_name, st_info, st_other, st_shndx, st_value, st_size.
const (
	symbolSize = 24
	infoAt     = 4
	valueAt    = 8
	sizeAt     = 16
	chunk      = 170 * symbolSize
)

// functionOf finds the function of the symbol tables that an offset lies in. A file without symbols has none.
func functionOf(f *elf.File, r Reader, p *elf.Prog, offset uint64) (start uint64, ok bool) {
	address := offset - p.Off + p.Vaddr
	var b [chunk]byte
	for _, s := range f.Sections {
		if s.Type != elf.SHT_SYMTAB && s.Type != elf.SHT_DYNSYM || f.Class != elf.ELFCLASS64 {
			continue
		}
		for at := uint64(0); at+symbolSize <= s.Size; {
			n, _ := r.ReadAt(b[:min(chunk, s.Size-at)], int64(s.Offset+at))
			n -= n % symbolSize
			if n <= 0 {
				break
			}
			for i := 0; i < n; i += symbolSize {
				x := b[i:]
				value, size := binary.LittleEndian.Uint64(x[valueAt:]), binary.LittleEndian.Uint64(x[sizeAt:])
				if elf.SymType(x[infoAt]&15) == elf.STT_FUNC && value <= address && address-value < size && value >= p.Vaddr {
					return value - p.Vaddr + p.Off, true
				}
			}
			at += uint64(n)
		}
	}
	return 0, false
}

// maxFunction bounds how far instructions are followed to see where one begins.
const maxFunction = 1 << 20

// begins reports whether one of the instructions from start on begins at offset. True too where that
// cannot be told: behind bytes that are no instruction.
func begins(r Reader, start, offset uint64) bool {
	if offset-start > maxFunction {
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
