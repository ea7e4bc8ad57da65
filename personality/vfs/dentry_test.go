package vfs_test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
	"starling/personality/vfs/vfstest"
)

// TestLargeDirectory removes while it reads: every name that stays is seen once.
func TestLargeDirectory(t *testing.T) {
	w := vfstest.New(t)
	w.Mkdir("/d", 0755)
	const n = 3000
	for i := range n {
		if e := w.C.Symlink("x", cwd, fmt.Appendf(nil, "/d/%d", i)); e != 0 {
			t.Fatal(e)
		}
	}
	f := w.MustOpen("/d", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	seen := map[string]int{}
	for i := 0; ; i++ {
		names := w.ReadNames(f, 300)
		if len(names) == 0 {
			break
		}
		for _, s := range names {
			seen[s]++
		}
		// What was read goes, and new names come.
		for _, s := range names {
			if len(s) > 1 && s != ".." {
				w.C.Unlink(cwd, []byte("/d/"+s))
			}
		}
		if i < 10 {
			w.C.Symlink("x", cwd, fmt.Appendf(nil, "/d/new%d", i))
		}
	}
	for i := range n {
		if seen[fmt.Sprint(i)] != 1 {
			t.Fatalf("%d was seen %d times", i, seen[fmt.Sprint(i)])
		}
	}
	if left := len(w.List("/d")); left != 10 {
		t.Errorf("%d names left, want the ten of one digit", left)
	}
	if st, _ := w.Stat("/d"); st.Size != 20*12 {
		t.Errorf("size %d", st.Size)
	}
}

func TestHashedLookups(t *testing.T) {
	w := vfstest.New(t)
	for i := range 500 {
		w.Mkdir(fmt.Sprintf("/%x", i*7919), 0755)
	}
	for i := range 500 {
		if i%3 == 0 {
			if e := w.C.Rmdir(cwd, fmt.Appendf(nil, "/%x", i*7919)); e != 0 {
				t.Fatal(e)
			}
		}
	}
	for i := range 500 {
		want := unix.Errno(0)
		if i%3 == 0 {
			want = unix.ENOENT
		}
		if _, e := w.Lookup(fmt.Sprintf("/%x", i*7919)); e != want {
			t.Fatalf("%x: %v, want %v", i*7919, e, want)
		}
	}
	if in := w.V.Root.Root.Inode; in.Nlink != 2+333 {
		t.Errorf("%d links", in.Nlink)
	}
}

func BenchmarkStat(b *testing.B) {
	w := vfstest.New(b)
	w.Mkdir("/usr", 0755)
	w.Mkdir("/usr/bin", 0755)
	w.V.Put(w.MustOpen("/usr/bin/tool", unix.O_CREAT|unix.O_WRONLY, 0755))
	path := []byte("/usr/bin/tool")
	b.ReportAllocs()
	var st unix.Stat_t
	for range b.N {
		p, _ := w.C.Lookup(cwd, path, vfs.Follow)
		w.C.Stat(p, &st)
	}
}

func BenchmarkOpenClose(b *testing.B) {
	w := vfstest.New(b)
	w.V.Put(w.MustOpen("/tool", unix.O_CREAT|unix.O_WRONLY, 0755))
	path := []byte("/tool")
	b.ReportAllocs()
	how := vfs.OpenHow{Flags: unix.O_RDONLY}
	for range b.N {
		f, _ := w.C.Open(cwd, path, &how)
		fd, _ := w.C.Alloc(f, 0, false)
		w.C.Close(fd)
	}
}
