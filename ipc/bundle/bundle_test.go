package bundle

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

var sample = []File{
	{"root", bytes.Repeat([]byte("root"), 3000)},
	{"empty", nil},
	{"manifest.yaml", []byte("servers: []\n")},
}

func TestRoundTrip(t *testing.T) {
	data, err := Encode(sample)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse(append(data, 1, 2, 3)) // trailing bytes of the last page of memory do not matter
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range sample {
		e, ok := b.Find(f.Name)
		if !ok || !bytes.Equal(b.Bytes(e), f.Data) || e.Offset%pageSize != 0 {
			t.Errorf("file %q: found %v, entry %+v", f.Name, ok, e)
		}
		if err := b.Verify(e); err != nil {
			t.Error(err)
		}
	}
	if _, ok := b.Find("roo"); ok {
		t.Error("found a file by the beginning of its name")
	}
}

// Every flipped bit of the directory must be noticed, and every flipped byte of
// a file when it is verified.
func TestDamage(t *testing.T) {
	data, err := Encode(sample)
	if err != nil {
		t.Fatal(err)
	}
	for i := range headerSize + entrySize*len(sample) {
		if i >= 28 && i < headerSize {
			continue // unused
		}
		bad := bytes.Clone(data)
		bad[i] ^= 1 << (i % 8)
		if _, err := Parse(bad); !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d flipped: %v", i, err)
		}
	}
	for n := range len(data) {
		if _, err := Parse(data[:n]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	bad := bytes.Clone(data)
	b, err := Parse(bad)
	if err != nil {
		t.Fatal(err)
	}
	bad[b.Entries[0].Offset+100] ^= 0x10
	if err := b.Verify(b.Entries[0]); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged content: %v", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, files := range map[string][]File{
		"no name": {{"", nil}}, "long name": {{strings.Repeat("x", nameSize+1), nil}},
		"zero in name": {{"a\x00b", nil}}, "twice": {{"a", nil}, {"a", nil}},
		"too many": make([]File, MaxFiles+1),
	} {
		if _, err := Encode(files); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	data, err := Encode(sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[:headerSize+entrySize*len(sample)])
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := Parse(data); err == nil {
			for _, e := range b.Entries {
				b.Bytes(e)
			}
		}
	})
}
