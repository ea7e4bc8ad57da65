package ipc

import (
	"encoding/binary"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

// The Go runtime of a server reads the info page at offsets of its own.
func TestRuntimeOffsets(t *testing.T) {
	src, err := os.ReadFile("../arch/overlay/_runtime/server/bare_server.go")
	if err != nil {
		t.Fatal(err)
	}
	var s ServerInfo
	for name, want := range map[string]uint64{
		"bareInfoAddress": InfoAddress, "bareInfoMagic": ServerInfoMagic,
		"bareInfoClock": uint64(unsafe.Offsetof(s.TSC0)), "bareInfoHeapBase": uint64(unsafe.Offsetof(s.HeapBase)),
		"bareInfoHeapLimit": uint64(unsafe.Offsetof(s.HeapLimit)), "bareInfoSeed": uint64(unsafe.Offsetof(s.Seed)),
	} {
		m := regexp.MustCompile(name + `\s+= (\w+)`).FindSubmatch(src)
		if m == nil {
			t.Errorf("%s not found", name)
			continue
		}
		if got, err := strconv.ParseUint(string(m[1]), 0, 64); err != nil || got != want {
			t.Errorf("%s is %s in the runtime port, want %#x", name, m[1], want)
		}
	}
	if unsafe.Offsetof(s.Mult) != unsafe.Offsetof(s.TSC0)+8 || unsafe.Offsetof(s.Wall) != unsafe.Offsetof(s.TSC0)+16 {
		t.Error("the clock's parameters do not lie together")
	}
}

func TestGrants(t *testing.T) {
	var s ServerInfo
	s.Magic, s.Version, s.Size = ServerInfoMagic, ServerInfoVersion, uint32(unsafe.Sizeof(s))
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", GrantNameSize)
	for i, name := range []string{"machine", long} {
		if err := s.AddGrant(name, Grant{Handle: Handle(i + 1), Kind: GrantMachine}); err != nil {
			t.Fatal(err)
		}
		if g, ok := s.Grant(name); !ok || g.Handle != Handle(i+1) {
			t.Errorf("%s: %+v, %v", name, g, ok)
		}
	}
	if _, ok := s.Grant("mach"); ok {
		t.Error("found a grant by the beginning of its name")
	}
	if s.AddGrant("", Grant{}) == nil || s.AddGrant(long+"x", Grant{}) == nil {
		t.Error("bad names accepted")
	}
	for s.GrantCount < MaxGrants {
		if err := s.AddGrant("n", Grant{}); err != nil {
			t.Fatal(err)
		}
	}
	if s.AddGrant("n", Grant{}) == nil {
		t.Error("one grant too many accepted")
	}
	s.GrantCount = 1 << 31
	if len(s.All()) != MaxGrants || s.Check() == nil {
		t.Error("a wild count was believed")
	}
}

func TestServerStack(t *testing.T) {
	page := make([]byte, PageSize)
	const top = StackTop
	sp, err := ServerStack(page, top, []string{"root", "-v"}, []string{"A=1"}, [2]uint64{0x11, 0x22})
	if err != nil {
		t.Fatal(err)
	}
	if sp%16 != 0 || sp >= top || sp < top-PageSize {
		t.Fatalf("stack pointer %#x", sp)
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(page[sp-(top-PageSize)+uint64(8*i):]) }
	text := func(a uint64) string {
		s, _, _ := strings.Cut(string(page[a-(top-PageSize):]), "\x00")
		return s
	}
	if word(0) != 2 || text(word(1)) != "root" || text(word(2)) != "-v" || word(3) != 0 || text(word(4)) != "A=1" || word(5) != 0 {
		t.Errorf("arguments: %#x", page[sp-(top-PageSize):])
	}
	if word(6) != auxPageSz || word(7) != PageSize || word(8) != auxRandom || word(10) != auxNull {
		t.Error("auxiliary vector")
	}
	if r := page[word(9)-(top-PageSize):]; r[0] != 0x11 || r[8] != 0x22 {
		t.Error("random bytes")
	}
	if _, err := ServerStack(page, top, []string{strings.Repeat("x", PageSize)}, nil, [2]uint64{}); err != ErrTruncated {
		t.Errorf("too long: %v", err)
	}
	if _, err := ServerStack(page, top, nil, make([]string, 500), [2]uint64{}); err != ErrTruncated {
		t.Errorf("too many: %v", err)
	}
}
