package corefile

import (
	"bytes"
	"debug/elf"
	"io"
	"testing"
)

// The sizes are those of sys/procfs.h on x86-64, the order that of Linux's fs/binfmt_elf.c.
func TestHeadIsAnELFFile(t *testing.T) {
	status := Status{Signal: 11, Thread: 7, Parent: 1, Registers: make([]byte, 27*8), FP: true}
	info := Info{Process: 7, Name: "a name that is much too long", Arguments: "./a b"}
	n := status.Note(nil)
	n = info.Note(n)
	n = Signal(n, make([]byte, 128))
	n = Auxiliary(n, []uint64{6, 4096, 0, 0})
	n = Files(n, 4096, []File{{0x1000, 0x3000, 0x2000, "/bin/a"}})
	n = Registers(n, 2, make([]byte, 512))
	n = Registers(n, 0x202, make([]byte, 832))
	b := Head(elf.EM_X86_64, 4096, n, []Segment{
		{Start: 0x1000, End: 0x3000, Size: 0x1000, Read: true, Execute: true},
		{Start: 0x7000, End: 0x8000, Read: true, Write: true}})
	if len(b)%4096 != 0 {
		t.Fatalf("%d bytes", len(b))
	}
	f, err := elf.NewFile(bytes.NewReader(append(b, make([]byte, 0x1000)...)))
	if err != nil {
		t.Fatal(err)
	}
	if f.Type != elf.ET_CORE || f.Machine != elf.EM_X86_64 || len(f.Progs) != 3 {
		t.Fatalf("%+v", f.FileHeader)
	}
	if p := f.Progs[1]; p.Off != uint64(len(b)) || p.Vaddr != 0x1000 || p.Filesz != 0x1000 || p.Memsz != 0x2000 || p.Flags != elf.PF_R|elf.PF_X {
		t.Errorf("%+v", p.ProgHeader)
	}
	if p := f.Progs[2]; p.Filesz != 0 || p.Memsz != 0x1000 || p.Flags != elf.PF_R|elf.PF_W {
		t.Errorf("%+v", p.ProgHeader)
	}
	notes, err := io.ReadAll(f.Progs[0].Open())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		name string
		kind uint32
		size int
	}{{"CORE", 1, 336}, {"CORE", 3, 136}, {"CORE", 0x53494749, 128}, {"CORE", 6, 32}, {"CORE", 0x46494c45, 16 + 24 + 7},
		{"CORE", 2, 512}, {"LINUX", 0x202, 832}} {
		nameSize, size := le.Uint32(notes), int(le.Uint32(notes[4:]))
		name := string(notes[12 : 12+nameSize-1])
		if name != want.name || le.Uint32(notes[8:]) != want.kind || size != want.size {
			t.Errorf("note %d: %s %#x of %d bytes", i, name, le.Uint32(notes[8:]), size)
		}
		notes = notes[12+(int(nameSize)+3)/4*4:]
		if i == 1 && string(notes[40:56]) != "a name that is \x00" {
			t.Errorf("name %q", notes[40:56])
		}
		notes = notes[(size+3)/4*4:]
	}
	if len(notes) != 0 {
		t.Errorf("%d bytes more", len(notes))
	}
}
