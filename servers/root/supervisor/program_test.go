package supervisor

import (
	"encoding/binary"
	"strings"
	"testing"
	"unsafe"

	"starling/ipc"
)

// readInfo is the info page of a server's instance.
func readInfo(s *server) *ipc.ServerInfo {
	return (*ipc.ServerInfo)(unsafe.Pointer(&s.now.bytes[infoPage]))
}

// Offsets in the ELF file that testProgram makes (System V ABI, ELF-64).
const (
	headerSize     = 64
	segmentSize    = 56
	offsetType     = 16
	offsetEntry    = 24
	offsetSegments = headerSize
	segmentKind    = 0
	segmentFlags   = 4
	segmentOffset  = 8
	segmentAddress = 16
	segmentFile    = 32
	segmentMemory  = 40
)

// testProgram is a static ELF file with a page of code at entry and a page of
// data with zeros behind it two pages on.
func testProgram(entry uint64) []byte {
	f := make([]byte, 3*pageSize-96)
	copy(f, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(f[offsetType:], 2)
	le.PutUint16(f[18:], 62)
	le.PutUint32(f[20:], 1)
	le.PutUint64(f[offsetEntry:], entry)
	le.PutUint64(f[32:], headerSize)
	le.PutUint16(f[52:], headerSize)
	le.PutUint16(f[54:], segmentSize)
	le.PutUint16(f[56:], 2)
	put := func(i int, flags uint32, offset, address, file, memory uint64) {
		s := f[offsetSegments+i*segmentSize:]
		le.PutUint32(s[segmentKind:], 1)
		le.PutUint32(s[segmentFlags:], flags)
		le.PutUint64(s[segmentOffset:], offset)
		le.PutUint64(s[segmentAddress:], address)
		le.PutUint64(s[24:], address)
		le.PutUint64(s[segmentFile:], file)
		le.PutUint64(s[segmentMemory:], memory)
		le.PutUint64(s[48:], pageSize)
	}
	put(0, 5, pageSize, entry, pageSize, pageSize)
	put(1, 6, 2*pageSize+32, entry+2*pageSize+32, pageSize-128, 3*pageSize)
	return f
}

func TestParseProgram(t *testing.T) {
	p, err := parseProgram(testProgram(0x401000))
	if err != nil {
		t.Fatal(err)
	}
	code, data := p.segments[0], p.segments[1]
	if !code.shared() || code.access != ipc.Read|ipc.Execute || code.pages != 1 {
		t.Errorf("code: %+v", code)
	}
	if data.shared() || data.access != ipc.Read|ipc.Write || data.lead != 32 || data.pages != 4 {
		t.Errorf("data: %+v", data)
	}
	if p.entry != 0x401000 || p.privatePages() != 4 {
		t.Errorf("entry %#x, %d private pages", p.entry, p.privatePages())
	}
}

func TestParseProgramRefuses(t *testing.T) {
	le := binary.LittleEndian
	first, second := offsetSegments, offsetSegments+segmentSize
	for _, c := range []struct {
		name string
		harm func(f []byte)
		want string
	}{
		{"32 bits", func(f []byte) { f[4] = 1 }, "ELF"},
		{"big endian", func(f []byte) { f[5] = 2 }, "ELF"},
		{"shared object", func(f []byte) { f[offsetType] = 3 }, "not a static"},
		{"entry in the data", func(f []byte) { le.PutUint64(f[offsetEntry:], 0x403040) }, "entry point"},
		{"entry nowhere", func(f []byte) { le.PutUint64(f[offsetEntry:], 0x10) }, "entry point"},
		{"wraps around", func(f []byte) { le.PutUint64(f[first+segmentMemory:], ^uint64(0)) }, "segment of"},
		{"offset past the end", func(f []byte) { le.PutUint64(f[second+segmentOffset:], 1<<60) }, "past the end"},
		{"more file than memory", func(f []byte) { le.PutUint64(f[second+segmentMemory:], 1) }, "in the file"},
		{"on the info page", func(f []byte) { le.PutUint64(f[second+segmentAddress:], ipc.InfoAddress) }, "outside of a server's"},
		{"in the heap", func(f []byte) { le.PutUint64(f[second+segmentAddress:], ipc.HeapAddress) }, "outside of a server's"},
		{"overlap", func(f []byte) { le.PutUint64(f[second+segmentAddress:], 0x401020) }, "share the page"},
		{"writable code", func(f []byte) { le.PutUint32(f[first+segmentFlags:], 7) }, "both writable and executable"},
		{"interpreter", func(f []byte) { le.PutUint32(f[second+segmentKind:], 3) }, "dynamically linked"},
		{"nothing to load", func(f []byte) {
			le.PutUint32(f[first+segmentKind:], 4)
			le.PutUint32(f[second+segmentKind:], 4)
		}, "0 segments"},
	} {
		f := testProgram(0x401000)
		c.harm(f)
		if _, err := parseProgram(f); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzParseProgram(f *testing.F) {
	f.Add(testProgram(0x401000))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parseProgram(data)
		if err != nil {
			return
		}
		end := uint64(lowestAddress)
		for _, s := range p.segments {
			if s.address < end || s.fileOffset+s.fileSize > uint64(len(data)) || s.lead+s.fileSize > s.pages*pageSize {
				t.Fatalf("accepted %+v of %d bytes", s, len(data))
			}
			end = s.address + s.pages*pageSize
		}
	})
}
