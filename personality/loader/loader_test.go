package loader

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"starling/ipc"
)

const (
	limit       = 0x7ffffffff000
	auxPageSize = 6
)

type bytesFile []byte

func (b bytesFile) ReadAt(p []byte, off int64) (int, unix.Errno) {
	if off < 0 {
		return 0, unix.EINVAL
	}
	if off >= int64(len(b)) {
		return 0, 0
	}
	return copy(p, b[off:]), 0
}

// build makes an ELF file with the program headers given.
func build(kind elf.Type, ph ...elf.Prog64) []byte {
	h := elf.Header64{Type: uint16(kind), Machine: uint16(elf.EM_X86_64), Version: 1, Entry: 0x401000,
		Phoff: headerSize, Ehsize: headerSize, Phentsize: programSize, Phnum: uint16(len(ph))}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = 2, 1, 1
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, &h)
	binary.Write(&b, binary.LittleEndian, ph)
	b.Write(make([]byte, 8192-b.Len()))
	return b.Bytes()
}

func load(vaddr, off, fsz, msz uint64) elf.Prog64 {
	return elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: 5, Off: off, Vaddr: vaddr, Filesz: fsz, Memsz: msz, Align: 4096}
}

func TestParseELF(t *testing.T) {
	good := build(elf.ET_EXEC, load(0x400000, 0, 0x1000, 0x1800))
	change := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], v)
		return b
	}
	interp := build(elf.ET_DYN, load(0, 0, 0x1000, 0x1000), elf.Prog64{Type: uint32(elf.PT_INTERP), Off: 0x800, Filesz: 6})
	copy(interp[0x800:], "/ld.so")
	tests := []struct {
		name string
		file []byte
		want unix.Errno
	}{
		{"good", good, 0},
		{"empty", nil, unix.ENOEXEC},
		{"short", good[:63], unix.ENOEXEC},
		{"magic", change(0, 0x7e), unix.ENOEXEC},
		{"class", change(4, 1), unix.ENOEXEC},
		{"byte order", change(5, 2), unix.ENOEXEC},
		{"machine", change(18, 0xb7), unix.ENOEXEC},
		{"relocatable object", change(16, 1), unix.ENOEXEC},
		{"entry size", change(54, 32), unix.ENOEXEC},
		{"no program headers", change(56, 0, 0), unix.ENOEXEC},
		{"too many", change(56, 0xff, 0xff), unix.ENOEXEC},
		{"table past the end", change(32, 0, 0x10, 0x10), unix.EIO},
		{"table offset negative", change(32, 0, 0, 0, 0, 0, 0, 0, 0xff), unix.EINVAL},
		{"file larger than memory", build(elf.ET_EXEC, load(0x400000, 0, 0x1801, 0x1800)), unix.EINVAL},
		{"not congruent", build(elf.ET_EXEC, load(0x400000, 8, 1, 1)), unix.EINVAL},
		{"kernel address", build(elf.ET_EXEC, load(0xffffffff80000000, 0, 1, 1)), unix.ENOMEM},
		{"wraps", build(elf.ET_EXEC, load(0x400000, 0, 1, ^uint64(0)-0x100)), unix.ENOMEM},
		{"last page", build(elf.ET_EXEC, load(limit-0x1000, 0, 1, 0x1001)), unix.ENOMEM},
		{"no segment", build(elf.ET_EXEC, elf.Prog64{Type: uint32(elf.PT_NOTE)}), unix.ENOEXEC},
		{"interpreter not ended", interp, unix.ENOEXEC},
	}
	for _, test := range tests {
		m, e := ParseELF(bytesFile(test.file), elf.EM_X86_64, limit)
		if e != test.want || e == 0 && m == nil {
			t.Errorf("%s: %v, want %v", test.name, e, test.want)
		}
	}
	copy(interp[0x800:], "/l.so\x00")
	m, e := ParseELF(bytesFile(interp), elf.EM_X86_64, limit)
	if e != 0 || m.Interpreter != "/l.so" || !m.Relocatable || m.Headers != headerSize {
		t.Errorf("%+v %v", m, e)
	}
}

func TestRealPrograms(t *testing.T) {
	for _, path := range []string{"/bin/sh", "/proc/self/exe"} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, e := ParseELF(bytesFile(b), elf.EM_X86_64, limit)
		if e != 0 {
			t.Fatalf("%s: %v", path, e)
		}
		f, err := elf.NewFile(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		loads := 0
		for _, p := range f.Progs {
			if p.Type == elf.PT_LOAD {
				loads++
			}
			if p.Type == elf.PT_PHDR && m.Headers != p.Vaddr {
				t.Errorf("%s: headers at %#x, want %#x", path, m.Headers, p.Vaddr)
			}
		}
		if loads != len(m.Segments) || m.Entry != f.Entry {
			t.Errorf("%s: %+v", path, m)
		}
	}
}

func FuzzParseELF(f *testing.F) {
	f.Add(build(elf.ET_EXEC, load(0x400000, 0, 0x1000, 0x1800)))
	f.Add(build(elf.ET_DYN, load(0, 0, 0x1000, 0x1000), elf.Prog64{Type: uint32(elf.PT_INTERP), Off: 0x800, Filesz: 6}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, e := ParseELF(bytesFile(b), elf.EM_X86_64, limit)
		if e != 0 {
			return
		}
		for _, s := range m.Segments {
			if s.Address < m.Low || s.Address+s.MemSize > m.High || m.High > limit || s.FileSize > s.MemSize || m.High <= m.Low {
				t.Fatalf("segment %+v of %+v", s, m)
			}
		}
		if len(m.Interpreter) >= unix.PathMax {
			t.Fatal("long interpreter")
		}
	})
}

func TestScript(t *testing.T) {
	long := "#!/" + string(bytes.Repeat([]byte{'a'}, 300))
	tests := []struct {
		head, interpreter, argument string
		ok                          bool
	}{
		{"#!/bin/sh\necho", "/bin/sh", "", true},
		{"#! \t/bin/sh  -e  x \n", "/bin/sh", "-e  x", true},
		{"#!/bin/sh", "/bin/sh", "", true},
		{"#!/bin/sh -x", "/bin/sh", "-x", true},
		{"#!\n", "", "", false},
		{"#!   \n", "", "", false},
		{"#", "", "", false},
		{"", "", "", false},
		{"/bin/sh", "", "", false},
		{long[:ScriptHead], "", "", false},
		{"#!/a " + string(bytes.Repeat([]byte{'b'}, ScriptHead-5)), "/a", string(bytes.Repeat([]byte{'b'}, ScriptHead-5)), true},
	}
	for _, test := range tests {
		i, a, ok := Script([]byte(test.head))
		if ok != test.ok || ok && (i != test.interpreter || a != test.argument) {
			t.Errorf("%.40q: %q %q %v", test.head, i, a, ok)
		}
	}
}

// TestScriptAsLinux asks the host's Linux: the same scripts must run, or fail to.
func TestScriptAsLinux(t *testing.T) {
	for _, head := range []string{"#!/bin/echo\n", "#!/bin/echo a  b \n", "#!\t /bin/echo x\ty\t\n", "#!/bin/echo", "#!/does/not/exist\n", "#!\n", "#! \n"} {
		path := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(path, []byte(head), 0o700); err != nil {
			t.Fatal(err)
		}
		interpreter, argument, ok := Script([]byte(head))
		out, err := exec.Command(path).Output()
		if interpreter != "/bin/echo" {
			if err == nil {
				t.Errorf("%q runs on Linux", head)
			}
			continue
		}
		want := path + "\n"
		if argument != "" {
			want = argument + " " + want
		}
		if !ok || err != nil || string(out) != want {
			t.Errorf("%q: Linux printed %q (%v), want %q", head, out, err, want)
		}
	}
}

func TestStack(t *testing.T) {
	const top = 0x7ffffffff000
	st, e := Stack(top, "/bin/x", []string{"x", "", "y z"}, []string{"A=1"}, "x86_64", [16]byte{1, 2, 3}, []Aux{
		{auxPageSize, ipc.PageSize}, {AuxRandom, 0}, {AuxExecFile, 0}, {AuxPlatform, 0}}, 1<<20)
	if e != 0 {
		t.Fatal(e)
	}
	if st.SP%16 != 0 || uint64(len(st.Bytes)) != top-st.SP {
		t.Fatalf("sp %#x, %d bytes", st.SP, len(st.Bytes))
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(st.Bytes[8*i:]) }
	str := func(va uint64) string {
		b := st.Bytes[va-st.SP:]
		return string(b[:bytes.IndexByte(b, 0)])
	}
	if word(0) != 3 || str(word(1)) != "x" || str(word(2)) != "" || str(word(3)) != "y z" || word(4) != 0 || str(word(5)) != "A=1" || word(6) != 0 {
		t.Error("argv or envp")
	}
	if got := string(st.Bytes[st.ArgStart-st.SP : st.ArgEnd-st.SP]); got != "x\x00\x00y z\x00" {
		t.Errorf("arguments %q", got)
	}
	if got := string(st.Bytes[st.EnvStart-st.SP : st.EnvEnd-st.SP]); got != "A=1\x00" {
		t.Errorf("environment %q", got)
	}
	if word(7) != auxPageSize || word(8) != ipc.PageSize || word(9) != AuxRandom || st.Bytes[word(10)-st.SP] != 1 ||
		str(word(12)) != "/bin/x" || str(word(14)) != "x86_64" || word(15) != 0 || word(16) != 0 {
		t.Error("auxiliary vector")
	}
	if len(st.Aux) != 5*16 {
		t.Errorf("%d bytes of auxiliary vector", len(st.Aux))
	}
	if _, e := Stack(top, "x", []string{string(make([]byte, MaxString))}, nil, "p", [16]byte{}, nil, 1<<30); e != unix.E2BIG {
		t.Errorf("long string: %v", e)
	}
	if _, e := Stack(top, "x", make([]string, 100), nil, "p", [16]byte{}, nil, 800); e != unix.E2BIG {
		t.Errorf("many strings: %v", e)
	}
}
