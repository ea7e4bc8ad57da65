package pvh

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"starling/arch/amd64/boot"
	"starling/ipc/bundle"
)

// kernel makes a minimal kernel ELF: one code and one data segment.
func kernel(change func(h *elf.Header64, p []elf.Prog64)) []byte {
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Entry: boot.ImageBase + 0x200010, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 2, Shentsize: 64}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	p := []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Off: 0, Vaddr: boot.ImageBase + 0x1ff000, Filesz: 0x1800, Memsz: 0x1800, Align: 4096},
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: 0x2000, Vaddr: boot.ImageBase + 0x201000, Filesz: 0x100, Memsz: 0x3456, Align: 4096},
	}
	if change != nil {
		change(&h, p)
	}
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, &h)
	binary.Write(&b, binary.LittleEndian, p)
	out := make([]byte, 0x2100)
	copy(out, b.Bytes())
	for i := b.Len(); i < len(out); i++ {
		out[i] = byte(i)
	}
	return out
}

// The layout as text, so that a change of it shows.
func TestLayout(t *testing.T) {
	seed := [2]uint64{1, 2}
	out, l, err := Compose(Image{Kernel: kernel(nil), Seed: &seed, Files: []bundle.File{{Name: "greeting", Data: []byte("hi")}, {Name: "config", Data: make([]byte, 5000)}}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	fmt.Fprintf(&got, "entry %#x\n", f.Entry)
	for _, p := range f.Progs {
		fmt.Fprintf(&got, "%v offset %#x address %#x file %#x memory %#x %v\n", p.Type, p.Off, p.Paddr, p.Filesz, p.Memsz, p.Flags)
	}
	fmt.Fprintf(&got, "kernel %#x-%#x bundle %#x+%#x heap %#x+%#x flags %d seed %v file %d\n", l.KernelStart, l.KernelEnd, l.BundleStart, l.BundleSize, l.HeapStart, l.HeapSize, l.Flags, l.Seed, l.FileSize)
	const want = `entry 0x100000
PT_NOTE offset 0x190 address 0x0 file 0x18 memory 0x18 PF_R
PT_LOAD offset 0x1000 address 0x100000 file 0x2000 memory 0x30000 PF_X+PF_W+PF_R
PT_LOAD offset 0x3000 address 0x130000 file 0x10000 memory 0x10000 PF_W+PF_R
PT_LOAD offset 0x13000 address 0x1ff000 file 0x1800 memory 0x1800 PF_X+PF_R
PT_LOAD offset 0x15000 address 0x201000 file 0x100 memory 0x3456 PF_W+PF_R
PT_LOAD offset 0x16000 address 0x205000 file 0x4000 memory 0x4000 PF_R
kernel 0x1ff000-0x205000 bundle 0x205000+0x4000 heap 0x400000+0x600000 flags 1 seed [1 2] file 106496
`
	if got.String() != want {
		t.Errorf("layout is\n%swant\n%s", got.String(), want)
	}

	note, err := io.ReadAll(f.Progs[0].Open())
	if err != nil || !bytes.Equal(note, append([]byte("\x04\x00\x00\x00\x08\x00\x00\x00\x12\x00\x00\x00Xen\x00"), 0, 0, 0x10, 0, 0, 0, 0, 0)) {
		t.Errorf("note %x, %v", note, err)
	}
	stub, err := io.ReadAll(f.Progs[1].Open())
	if err != nil || !bytes.HasPrefix(stub, boot.Stub) {
		t.Error("the stub is not in the image")
	}
	table, err := boot.Decode(stub[boot.TableAddress-boot.StubAddress:])
	if err != nil || table != l.withSum(table) {
		t.Errorf("table %+v, %v, want %+v", table, err, l.Table)
	}
	code, _ := io.ReadAll(f.Progs[3].Open())
	if !bytes.Equal(code, kernel(nil)[:0x1800]) {
		t.Error("the kernel's code changed on the way")
	}
	tables, _ := io.ReadAll(f.Progs[2].Open())
	for at, want := range map[uint64]uint64{
		boot.StubAddress:  0x161, // present, global; accessed and dirty already
		boot.TableAddress: 1<<63 | 0x163,
		0x12f000:          1<<63 | 0x163,
		0x130000:          0,
		0x1fe000:          0,
		0x1ff000:          0x161,
		0x200000:          0x161,
		0x201000:          1<<63 | 0x163,
		0x204000:          1<<63 | 0x163,
		0x205000:          0,
	} {
		if want != 0 {
			want |= at
		}
		if got := binary.LittleEndian.Uint64(tables[at/4096*8:]); got != want {
			t.Errorf("page %#x is mapped by %#x, want %#x", at, got, want)
		}
	}
	files, _ := io.ReadAll(f.Progs[5].Open())
	b, err := bundle.Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := b.Find("greeting"); !ok || string(b.Bytes(e)) != "hi" {
		t.Error("greeting is not in the bundle")
	}
}

// withSum takes over what Encode sets.
func (l *Layout) withSum(t boot.Table) boot.Table {
	want := l.Table
	want.Magic, want.Version, want.Size, want.Sum = t.Magic, t.Version, t.Size, t.Sum
	return want
}

func TestComposeRefuses(t *testing.T) {
	good := kernel(nil)
	for _, c := range []struct {
		name string
		in   Image
		want string
	}{
		{"no ELF", Image{Kernel: []byte("hello")}, "kernel"},
		{"32-bit machine", Image{Kernel: kernel(func(h *elf.Header64, _ []elf.Prog64) { h.Machine = uint16(elf.EM_386) })}, "not a static 64-bit x86 program"},
		{"position-independent", Image{Kernel: kernel(func(h *elf.Header64, _ []elf.Prog64) { h.Type = uint16(elf.ET_DYN) })}, "not a static"},
		{"low address", Image{Kernel: kernel(func(_ *elf.Header64, p []elf.Prog64) { p[0].Vaddr = 0x400000 })}, "outside the program's addresses"},
		{"wraps", Image{Kernel: kernel(func(_ *elf.Header64, p []elf.Prog64) { p[1].Memsz = 1 << 63 })}, "outside the program's addresses"},
		{"truncated", Image{Kernel: good[:0x2050]}, "truncated"},
		{"file larger than memory", Image{Kernel: kernel(func(_ *elf.Header64, p []elf.Prog64) { p[1].Memsz = 1 })}, "truncated"},
		{"over the stub", Image{Kernel: kernel(func(_ *elf.Header64, p []elf.Prog64) { p[0].Vaddr = boot.ImageBase + 0x120000 })}, "overlaps"},
		{"overlap", Image{Kernel: kernel(func(_ *elf.Header64, p []elf.Prog64) { p[1].Vaddr = p[0].Vaddr })}, "overlaps"},
		{"entry in data", Image{Kernel: kernel(func(h *elf.Header64, p []elf.Prog64) { h.Entry = p[1].Vaddr })}, "entry point"},
		{"odd heap", Image{Kernel: good, KernelHeap: 7 << 20}, "kernel heap"},
		{"huge heap", Image{Kernel: good, KernelHeap: 2 << 30}, "kernel heap"},
		{"not aligned", Image{Kernel: kernel(func(_ *elf.Header64, p []elf.Prog64) { p[1].Off-- })}, "not aligned"},
		{"dynamic", Image{Kernel: kernel(func(_ *elf.Header64, p []elf.Prog64) { p[1].Type = uint32(elf.PT_INTERP) })}, "not a static"},
		{"root is no program", Image{Kernel: good, Files: []bundle.File{{Name: Root, Data: []byte("hi")}}}, "root"},
		{"root is a kernel", Image{Kernel: good, Files: []bundle.File{{Name: Root, Data: good}}}, "outside the program's addresses"},
		{"bad file", Image{Kernel: good, Files: []bundle.File{{Name: ""}}}, "bad file name"},
	} {
		if _, _, err := Compose(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

// An image cut or changed where the stub and kernel look is not accepted.
func TestVerify(t *testing.T) {
	out, _, err := Compose(Image{Kernel: kernel(nil), Files: []bundle.File{{Name: "note", Data: []byte("root server")}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(out); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(out, []byte("root server"))
	for _, change := range []int{0x2000 + 24, at, at - 4096 + 40} {
		bad := bytes.Clone(out)
		bad[change] ^= 4
		if _, err := Verify(bad); !errors.Is(err, bundle.ErrDamaged) {
			t.Errorf("byte %#x changed: %v", change, err)
		}
	}
	for _, n := range []int{0, 100, 5000, len(out) - 4096} {
		if _, err := Verify(out[:n]); !errors.Is(err, bundle.ErrDamaged) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}
