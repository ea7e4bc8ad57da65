package bootconfig

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() Config {
	return Config{
		Program: "/bin/busybox", Args: []string{"sh", "-c", "", "echo ü"}, Env: []string{"PATH=/bin", "A="}, Dir: "/root",
		Flags: Terminal | Trace, Seed: 1<<63 | 7, WallTime: -5, Rows: 24, Columns: 80,
	}
}

func TestRoundTrip(t *testing.T) {
	for _, c := range []Config{{}, sample()} {
		data, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c, got); d != "" {
			t.Error(d)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	if _, err := Encode(Config{Args: []string{"a\x00b"}}); err == nil {
		t.Error("a NUL went through")
	}
	if _, err := Encode(Config{Env: []string{strings.Repeat("x", MaxSize)}}); err == nil {
		t.Error("too long went through")
	}
}

func TestTruncationIsFound(t *testing.T) {
	data, err := Encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, err := Decode(data[:n]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%d of %d bytes: %v", n, len(data), err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	data, err := Encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Encode(c)
		if err != nil || string(again) != string(data) {
			t.Fatalf("decoded and encoded again it differs (%v)", err)
		}
	})
}
