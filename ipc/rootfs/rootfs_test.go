package rootfs

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"
)

func sample() []Node {
	return []Node{
		{Path: "bin/busybox", Mode: TypeFile | 0o755, Data: bytes.Repeat([]byte("busybox!"), 1000), Mtime: 1_700_000_000_000_000_123},
		{Path: "bin/sh", Mode: TypeLink | 0o777, Target: "busybox"},
		{Path: "bin/ash", HardLink: "bin/busybox"},
		{Path: "", Mode: TypeDir | 0o755},
		{Path: "bin", Mode: TypeDir | 0o755},
		{Path: "dev", Mode: TypeDir | 0o755},
		{Path: "dev/null", Mode: TypeChar | 0o666, Device: 0x103},
		{Path: "empty", Mode: TypeFile | 0o600, UID: 1000, GID: 100, Mtime: -1},
	}
}

func TestSizesMatchSchema(t *testing.T) {
	b := flatbuffers.NewBuilder(0)
	CreateHeader(b, 0, 0, 0, 0, 0, 0, 0)
	if got := int(b.Offset()); got != headerSize {
		t.Errorf("header has %d bytes, headerSize is %d", got, headerSize)
	}
	b = flatbuffers.NewBuilder(0)
	CreateEntry(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	if got := int(b.Offset()); got != entrySize {
		t.Errorf("entry has %d bytes, entrySize is %d", got, entrySize)
	}
}

func TestRoundTrip(t *testing.T) {
	image, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	im, err := Open(image)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for i := range im.Len() {
		paths = append(paths, string(im.Path(i)))
	}
	want := []string{"", "bin", "bin/ash", "bin/busybox", "bin/sh", "dev", "dev/null", "empty"}
	if !slices.Equal(paths, want) {
		t.Fatalf("paths are %q, want %q", paths, want)
	}
	ash, busybox := im.Entry(2), im.Entry(3)
	if ash.Inode() != 2 || busybox.Inode() != 2 || ash.Links() != 2 || busybox.Links() != 2 {
		t.Errorf("hard links: inodes %d %d, links %d %d", ash.Inode(), busybox.Inode(), ash.Links(), busybox.Links())
	}
	if !bytes.Equal(im.Contents(2), sample()[0].Data) || !bytes.Equal(im.Contents(3), sample()[0].Data) {
		t.Error("contents of the two names differ from what was written")
	}
	if busybox.Offset()%pageSize != 0 || busybox.Mtime() != 1_700_000_000 || busybox.MtimeNanoseconds() != 123 {
		t.Errorf("busybox: offset %#x, time %d.%09d", busybox.Offset(), busybox.Mtime(), busybox.MtimeNanoseconds())
	}
	if string(im.Target(4)) != "busybox" {
		t.Errorf("target is %q", im.Target(4))
	}
	if e := im.Entry(7); e.Uid() != 1000 || e.Gid() != 100 || e.Mtime() != -1 || e.MtimeNanoseconds() != 999_999_999 {
		t.Errorf("empty: %d:%d, time %d.%09d", e.Uid(), e.Gid(), e.Mtime(), e.MtimeNanoseconds())
	}
	if i, ok := im.Find("dev/null"); !ok || i != 6 {
		t.Errorf("Find(dev/null) = %d, %v", i, ok)
	}
	if _, ok := im.Find("dev/nul"); ok {
		t.Error("found what is not there")
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	a, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	nodes := sample()
	slices.Reverse(nodes)
	b, err := Encode(nodes)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("the same nodes in another order give other bytes")
	}
}

// A file may end with a hole, which takes no room.
func TestHoleAtTheEnd(t *testing.T) {
	data, err := Encode([]Node{{Mode: TypeDir | 0o755},
		{Path: "a", Mode: TypeFile, Data: []byte("data"), Size: 1 << 50}, {Path: "b", Mode: TypeFile, Size: 1 << 50}})
	if err != nil {
		t.Fatal(err)
	}
	im, err := Open(data)
	if err != nil {
		t.Fatal(err)
	}
	a, b := im.Entry(1), im.Entry(2)
	if a.Size() != 1<<50 || a.Stored() != 4 || string(im.Contents(1)) != "data" || b.Size() != 1<<50 || b.Stored() != 0 {
		t.Errorf("sizes %d %d, stored %d %d, contents %q", a.Size(), b.Size(), a.Stored(), b.Stored(), im.Contents(1))
	}
	if _, err := Encode([]Node{{Mode: TypeDir | 0o755}, {Path: "a", Mode: TypeFile, Size: 1 << 63}}); err == nil {
		t.Error("a size that off_t cannot hold was written")
	}
}

func TestEncodeRefuses(t *testing.T) {
	root := Node{Mode: TypeDir | 0o755}
	for name, nodes := range map[string][]Node{
		"nothing":         {},
		"no root":         {{Path: "a", Mode: TypeDir}},
		"twice":           {root, {Path: "a", Mode: TypeDir}, {Path: "a", Mode: TypeDir}},
		"no parent":       {root, {Path: "a/b", Mode: TypeDir}},
		"file as parent":  {root, {Path: "a", Mode: TypeFile}, {Path: "a/b", Mode: TypeDir}},
		"dot dot":         {root, {Path: "..", Mode: TypeDir}},
		"slash at front":  {root, {Path: "/a", Mode: TypeDir}},
		"double slash":    {root, {Path: "a", Mode: TypeDir}, {Path: "a//b", Mode: TypeDir}},
		"no type":         {root, {Path: "a", Mode: 0o644}},
		"dangling link":   {root, {Path: "a", HardLink: "b"}},
		"circle of links": {root, {Path: "a", HardLink: "b"}, {Path: "b", HardLink: "a"}},
		"empty target":    {root, {Path: "a", Mode: TypeLink}},
		"NUL in a name":   {root, {Path: "a\x00", Mode: TypeFile}},
	} {
		if _, err := Encode(nodes); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Every damaged byte of the index is found by the checksum; with a right
// checksum the checks of each entry must hold alone, which the fuzz test tries.
func TestDamageIsFound(t *testing.T) {
	image, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	for i := range headerSize + 8*entrySize {
		image[i] ^= 0x40
		if _, err := Open(image); !errors.Is(err, ErrDamaged) {
			t.Fatalf("damage at byte %d: %v", i, err)
		}
		image[i] ^= 0x40
	}
}

func FuzzOpen(f *testing.F) {
	image, err := Encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(image)
	f.Add(image[:headerSize])
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= headerSize {
			var h Header
			h.Init(data, 0)
			if end := h.DataOffset(); end <= uint64(len(data)) && end >= headerSize {
				h.MutateChecksum(checksum(data[:end]))
			}
		}
		im, err := Open(data)
		if err != nil {
			return
		}
		for i := range im.Len() {
			e := im.Entry(i)
			im.Path(i)
			im.Target(i)
			if e.Mode()&TypeMask == TypeFile {
				im.Contents(i)
			}
			if j, ok := im.Find(string(im.Path(i))); !ok || j != i {
				t.Fatalf("entry %d is found as %d, %v", i, j, ok)
			}
		}
	})
}
