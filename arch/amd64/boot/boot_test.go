package boot

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"unsafe"
)

func TestTableRoundTrip(t *testing.T) {
	in := Table{Entry: 0xffffffff80201234, KernelStart: 0x1ff000, KernelEnd: 0x400000, HeapStart: 0x600000, HeapSize: 6 << 20, Flags: FlagSeed, Seed: [2]uint64{1, 2}}
	page := in.Encode()
	out, err := Decode(page)
	if err != nil {
		t.Fatal(err)
	}
	in.Magic, in.Version, in.Size, in.Sum = out.Magic, out.Version, out.Size, out.Sum
	if in != out {
		t.Errorf("got %+v, want %+v", out, in)
	}
	// What the stub fills in is not part of the sum.
	page[unsafe.Offsetof(in.StartInfo)] = 7
	page[unsafe.Offsetof(in.Seed)] = 9
	if _, err := Decode(page); err != nil {
		t.Error(err)
	}
	for i := range unsafe.Offsetof(in.Seed) {
		bad := bytes.Clone(page)
		bad[i] ^= 1
		_, err := Decode(bad)
		if pad := i >= 20 && i < 24; err == nil && !pad {
			t.Errorf("byte %d flipped and not noticed", i)
		}
	}
	if _, err := Decode(page[:10]); !errors.Is(err, ErrNoTable) {
		t.Error(err)
	}
}

// stub.bin is what stub.S says, and fits its page.
func TestStubIsFresh(t *testing.T) {
	if len(Stub) > TableAddress-StubAddress {
		t.Errorf("stub of %d bytes runs into the boot table", len(Stub))
	}
	for _, tool := range []string{"as", "ld"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("binutils are not installed")
		}
	}
	out := filepath.Join(t.TempDir(), "stub.bin")
	c := exec.Command("./build.sh", out)
	c.Dir = "stub"
	if b, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, Stub) {
		t.Error("stub.bin is not what stub.S assembles to: run go generate ./arch/amd64/boot")
	}
}

// The numbers in stub.S are those of this package.
func TestStubNumbers(t *testing.T) {
	src, err := os.ReadFile("stub/stub.S")
	if err != nil {
		t.Fatal(err)
	}
	var b Table
	for name, want := range map[string]uint64{
		"PHYS": StubAddress, "KBASE": ImageBase, "TABLE": TableAddress, "STACK_TOP": StackTop, "IMAGE_TABLES": ImageTables, "FLAG_SEED": FlagSeed,
		"T_ENTRY": uint64(unsafe.Offsetof(b.Entry)), "T_HEAP": uint64(unsafe.Offsetof(b.HeapStart)),
		"T_HEAPSIZE": uint64(unsafe.Offsetof(b.HeapSize)), "T_FLAGS": uint64(unsafe.Offsetof(b.Flags)),
		"T_SEED": uint64(unsafe.Offsetof(b.Seed)), "T_INFO": uint64(unsafe.Offsetof(b.StartInfo)),
		"T_TICKS": uint64(unsafe.Offsetof(b.BootTicks)),
	} {
		m := regexp.MustCompile(`(?m)^\.set ` + name + `,\s+(?:TABLE\+)?(\w+)`).FindSubmatch(src)
		if m == nil {
			t.Errorf("%s is not set", name)
			continue
		}
		if got, err := strconv.ParseUint(string(m[1]), 0, 64); err != nil || got != want {
			t.Errorf("%s is %s, want %#x", name, m[1], want)
		}
	}
}

// The runtime port cannot import this package: its copies of the offsets are
// compared here.
func TestRuntimeOffsets(t *testing.T) {
	var b Table
	got := constants(t, "../../overlay/_runtime/kernel/bare_kernel.go")
	for name, want := range map[string]uint64{
		"bareTableMagic": Magic, "bareDirectMap": DirectMap, "bareHeapWindow": HeapWindow,
		"bareTableHeapStart": uint64(unsafe.Offsetof(b.HeapStart)), "bareTableHeapSize": uint64(unsafe.Offsetof(b.HeapSize)),
		"bareTableSeed": uint64(unsafe.Offsetof(b.Seed)), "bareTableStartInfo": uint64(unsafe.Offsetof(b.StartInfo)),
		"bareTableBootTicks": uint64(unsafe.Offsetof(b.BootTicks)),
		"bareStartInfoMap":   startInfoMap, "bareStartInfoLen": startInfoEntries, "bareMapEntrySize": mapEntrySize,
	} {
		if got[name] != want {
			t.Errorf("%s is %#x in the runtime port, want %#x", name, got[name], want)
		}
	}
}

// constants are the integer constants of a Go file that have a literal value.
func constants(t *testing.T, file string) map[string]uint64 {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]uint64{}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.ValueSpec); ok && len(s.Values) == 1 {
			if lit, ok := s.Values[0].(*ast.BasicLit); ok && lit.Kind == token.INT {
				if v, err := strconv.ParseUint(lit.Value, 0, 64); err == nil {
					found[s.Names[0].Name] = v
				}
			}
		}
		return true
	})
	return found
}
