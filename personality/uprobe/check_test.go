package uprobe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// A small program: headers, code with two functions, constants behind them in the same segment, then data.
const (
	codeAt, codeSize = 0x100, 0x20
	constantsAt      = codeAt + codeSize
	dataAt           = 0x200
	symbolsAt        = 0x300
	sectionsAt       = 0x400
	base             = 0x400000
	fileSize         = 0x1000
)

func program(sections bool) []byte {
	b := make([]byte, fileSize)
	put := func(at int, v any) {
		var w bytes.Buffer
		if err := binary.Write(&w, binary.LittleEndian, v); err != nil {
			panic(err)
		}
		copy(b[at:], w.Bytes())
	}
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 2}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	if sections {
		h.Shoff, h.Shentsize, h.Shnum = sectionsAt, 64, 4
	}
	put(0, h)
	put(64, []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Filesz: 0x180, Memsz: 0x180},
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: dataAt, Vaddr: base + 0x1000 + dataAt, Filesz: 0x100, Memsz: 0x100},
	})
	// mov %rdi,%rax; sub $8,%rsp; int3; lock incl (%rax); ret
	copy(b[codeAt:], []byte{0x48, 0x89, 0xf8, 0x48, 0x83, 0xec, 8, 0xcc, 0xf0, 0xff, 0x00, 0xc3})
	copy(b[codeAt+16:], []byte{0x90, 0xc3})
	put(symbolsAt, []elf.Sym64{{}, {Info: 2, Value: base + codeAt, Size: 16}, {Info: 2, Value: base + codeAt + 16, Size: 2}})
	if sections {
		put(sectionsAt, []elf.Section64{{},
			{Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_EXECINSTR), Addr: base + codeAt, Off: codeAt, Size: codeSize},
			{Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC), Addr: base + constantsAt, Off: constantsAt, Size: 0x40},
			{Type: uint32(elf.SHT_SYMTAB), Off: symbolsAt, Size: 3 * elf.Sym64Size, Entsize: elf.Sym64Size},
		})
	}
	return b
}

func reader(b []byte) Reader {
	return func(to []byte, off int64) (int, unix.Errno) {
		if off < 0 || off >= int64(len(b)) {
			return 0, 0
		}
		return copy(to, b[off:]), 0
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name     string
		sections bool
		offset   uint64
		want     unix.Errno
		length   int
	}{
		{"first instruction", true, codeAt, 0, 3},
		{"second", true, codeAt + 3, 0, 4},
		{"middle of the first", true, codeAt + 1, unix.EILSEQ, 0},
		{"middle of the second", true, codeAt + 4, unix.EILSEQ, 0},
		{"a breakpoint", true, codeAt + 7, ENOTSUPP, 0},
		{"a lock prefix", true, codeAt + 8, ENOTSUPP, 0},
		{"behind the prefix", true, codeAt + 9, unix.EILSEQ, 0},
		{"another function", true, codeAt + 16, 0, 1},
		{"its return", true, codeAt + 17, 0, 1},
		{"no symbol tells", true, codeAt + 18, 0, 2},
		{"constants in the same segment", true, constantsAt, unix.EINVAL, 0},
		{"the header", true, 0x10, unix.EINVAL, 0},
		{"data", true, dataAt, unix.EINVAL, 0},
		{"what is not mapped", true, symbolsAt, unix.EINVAL, 0},
		{"behind the end", true, fileSize + 100, unix.EINVAL, 0},
		{"nowhere", true, 1<<64 - 1, unix.EINVAL, 0},
		{"no sections: believed", false, codeAt + 1, 0, 2},
		{"no sections: data", false, dataAt, unix.EINVAL, 0},
	} {
		code, e := Check(reader(program(c.sections)), c.offset)
		if e != c.want || len(code) != c.length {
			t.Errorf("%s: %v and % x, want %v and %d bytes", c.name, e, code, c.want, c.length)
		}
	}
	for name, b := range map[string][]byte{"nothing": nil, "text": []byte("#!/bin/sh\n"), "cut off": program(true)[:70], "32 bits": append([]byte("\x7fELF\x01\x01\x01"), program(true)[7:]...)} {
		if _, e := Check(reader(b), codeAt); e != unix.ENOEXEC {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// A file that lies about its sizes costs no more than what is bounded.
func TestCheckBounds(t *testing.T) {
	b := program(true)
	symbols := sectionsAt + 3*64
	binary.LittleEndian.PutUint64(b[symbols+32:], 1<<63) // sh_size
	reads := 0
	endless := func(to []byte, off int64) (int, unix.Errno) {
		reads++
		clear(to)
		if off >= 0 && off < fileSize {
			copy(to, b[off:])
		}
		return len(to), 0
	}
	if code, e := Check(endless, codeAt+18); e != 0 || len(code) != 2 {
		t.Errorf("%v, % x", e, code)
	}
	if most := maxSymbols/(chunk*elf.Sym64Size) + 16; reads > most {
		t.Errorf("%d reads, at most %d", reads, most)
	}
	for _, at := range []int{56, 60} { // e_phnum, e_shnum
		b := program(true)
		binary.LittleEndian.PutUint16(b[at:], 0xffff)
		if _, e := Check(reader(b), codeAt); e != unix.ENOEXEC {
			t.Errorf("65,535 headers at %d: %v", at, e)
		}
	}
}

// Any file is answered.
func FuzzCheck(f *testing.F) {
	f.Add(program(true), uint64(codeAt))
	f.Add(program(false), uint64(codeAt+3))
	f.Fuzz(func(t *testing.T, b []byte, offset uint64) {
		code, e := Check(reader(b), offset)
		if (e == 0) != (len(code) > 0) {
			t.Errorf("%v with % x", e, code)
		}
	})
}
