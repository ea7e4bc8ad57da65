package uprobe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// image is what a probe has to know of a program file. The file comes from anybody: everything in it is
// bounded, and only what is needed is read.
type image struct {
	segments []elf.Prog64
	sections []elf.Section64
}

// Bounds of a program file: what is beyond is no program that could be probed.
const (
	maxSegments = 512
	maxSections = 4096
	// maxSymbols is how many bytes of symbol tables are looked at.
	maxSymbols = 32 << 20
)

// readImage reads the headers. ENOEXEC: it is no program of this machine.
func readImage(r Reader) (*image, unix.Errno) {
	var h elf.Header64
	if !read(r, 0, &h) || string(h.Ident[:4]) != elf.ELFMAG || elf.Class(h.Ident[elf.EI_CLASS]) != elf.ELFCLASS64 ||
		elf.Data(h.Ident[elf.EI_DATA]) != elf.ELFDATA2LSB {
		return nil, unix.ENOEXEC
	}
	kind := elf.Type(h.Type)
	if kind != elf.ET_EXEC && kind != elf.ET_DYN || h.Phnum == 0 || h.Phnum > maxSegments || h.Shnum > maxSections ||
		int(h.Phentsize) != binary.Size(elf.Prog64{}) {
		return nil, unix.ENOEXEC
	}
	f := &image{segments: make([]elf.Prog64, h.Phnum)}
	if !read(r, h.Phoff, f.segments) {
		return nil, unix.ENOEXEC
	}
	// Programs run without sections; then nothing is known of them.
	if f.sections = make([]elf.Section64, h.Shnum); int(h.Shentsize) != binary.Size(elf.Section64{}) || !read(r, h.Shoff, f.sections) {
		f.sections = nil
	}
	return f, 0
}

// read fills a structure, or a list of them, from an offset of the file.
func read(r Reader, off uint64, to any) bool {
	b := make([]byte, binary.Size(to))
	if int64(off) < 0 {
		return false
	}
	if n, _ := r.ReadAt(b, int64(off)); n < len(b) {
		return false
	}
	return binary.Read(bytes.NewReader(b), binary.LittleEndian, to) == nil
}

// code is the segment with an offset that is mapped for execution, nil if there is none.
func (f *image) code(offset uint64) *elf.Prog64 {
	for i := range f.segments {
		p := &f.segments[i]
		if elf.ProgType(p.Type) == elf.PT_LOAD && elf.ProgFlag(p.Flags)&elf.PF_X != 0 && offset >= p.Off && offset-p.Off < p.Filesz {
			return p
		}
	}
	return nil
}

// data reports whether the sections say that what is there is no code though it is mapped like code:
// constants, the headers of the file. A file without sections does not say that.
func (f *image) data(offset uint64) bool {
	known := false
	for i := range f.sections {
		s := &f.sections[i]
		if elf.SectionType(s.Type) != elf.SHT_PROGBITS || elf.SectionFlag(s.Flags)&elf.SHF_EXECINSTR == 0 {
			continue
		}
		if known = true; offset >= s.Off && offset-s.Off < s.Size {
			return false
		}
	}
	return known
}

// function is where the function begins, in the file, that the symbols say an offset of a segment is in.
func (f *image) function(r Reader, p *elf.Prog64, offset uint64) (start uint64, ok bool) {
	address := offset - p.Off + p.Vaddr
	for _, kind := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} { // a file has one of each at most
		for i := range f.sections {
			s := &f.sections[i]
			if elf.SectionType(s.Type) != kind {
				continue
			}
			if value, ok := symbolAt(r, s, address); ok && value >= p.Vaddr {
				return value - p.Vaddr + p.Off, true
			}
			break
		}
	}
	return 0, false
}

// chunk is how many symbols are read at once.
const chunk = 170

// symbolAt finds the function of a symbol table that an address is in.
func symbolAt(r Reader, s *elf.Section64, address uint64) (value uint64, ok bool) {
	var b [chunk * elf.Sym64Size]byte
	for at := uint64(0); at < min(s.Size, maxSymbols); {
		n, _ := r.ReadAt(b[:min(uint64(len(b)), s.Size-at)], int64(s.Off+at))
		n -= n % elf.Sym64Size
		if n <= 0 {
			break
		}
		for i := 0; i < n; i += elf.Sym64Size {
			// st_name, st_info, st_other, st_shndx, st_value, st_size
			x := b[i:]
			value, size := binary.LittleEndian.Uint64(x[8:]), binary.LittleEndian.Uint64(x[16:])
			if elf.ST_TYPE(x[4]) == elf.STT_FUNC && value <= address && address-value < size {
				return value, true
			}
		}
		at += uint64(n)
	}
	return 0, false
}
