package tmpfs_test

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"starling/ipc/rootfs"
	"starling/personality/vfs/vfstest"
)

// imageNodes is a tree with what makes loading hard: names that sort between a
// directory and what is in it, links across directories, empty and large files.
func imageNodes() []rootfs.Node {
	dir := func(p string) rootfs.Node { return rootfs.Node{Path: p, Mode: rootfs.TypeDir | 0755} }
	file := func(p string, data []byte) rootfs.Node {
		return rootfs.Node{Path: p, Mode: rootfs.TypeFile | 0644, Data: data, Mtime: 1_600_000_000_000_000_000}
	}
	nodes := []rootfs.Node{
		dir(""), dir("bin"), dir("bin/sub"), dir("bin-more"), dir("empty"), dir("bin/sub/deep"),
		file("bin/tool", bytes.Repeat([]byte("tool"), 3000)), file("bin.txt", []byte("between")),
		file("bin/sub/deep/x", []byte("x")), file("bin/sub-file", nil), file("bin0", []byte("after")),
		{Path: "sh", Mode: rootfs.TypeLink | 0777, Target: "bin/tool"},
	}
	return nodes
}

func imageWorld(t *testing.T) *vfstest.World {
	t.Helper()
	data, err := rootfs.Encode(imageNodes())
	if err != nil {
		t.Fatal(err)
	}
	im, err := rootfs.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return vfstest.NewFromImage(t, im, data)
}

// The end of a file that is not in the image is a hole: zeros to read, room to write.
func TestImageFilesEndWithHoles(t *testing.T) {
	const size = 1 << 40
	nodes := append(imageNodes(), rootfs.Node{Path: "sparse", Mode: rootfs.TypeFile | 0644, Data: []byte("data"), Size: size},
		rootfs.Node{Path: "hole", Mode: rootfs.TypeFile | 0644, Size: size})
	data, err := rootfs.Encode(nodes)
	if err != nil {
		t.Fatal(err)
	}
	im, err := rootfs.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	w := vfstest.NewFromImage(t, im, data)
	for name, first := range map[string]string{"/sparse": "data\x00\x00", "/hole": "\x00\x00\x00\x00\x00\x00"} {
		f := w.MustOpen(name, unix.O_RDWR, 0)
		if st, e := w.Stat(name); e != 0 || st.Size != size {
			t.Errorf("%s: %v, size %d", name, e, st.Size)
		}
		if b, e := w.ReadAt(f, 6, 0); e != 0 || string(b) != first {
			t.Errorf("%s begins with %q, %v", name, b, e)
		}
		if b, e := w.ReadAt(f, 6, size-3); e != 0 || string(b) != "\x00\x00\x00" {
			t.Errorf("%s ends with %q, %v", name, b, e)
		}
		if n, e := w.WriteAt(f, []byte("far"), size-9000); e != 0 || n != 3 {
			t.Errorf("%s: write: %d, %v", name, n, e)
		}
		w = w.Swap()
		f = w.MustOpen(name, unix.O_RDONLY, 0)
		if b, e := w.ReadAt(f, 5, size-9001); e != 0 || string(b) != "\x00far\x00" {
			t.Errorf("%s: %q after a write, %v", name, b, e)
		}
	}
}

func TestRootComesFromTheImage(t *testing.T) {
	w := imageWorld(t)
	if got, want := fmt.Sprint(w.List("/")), "[bin bin-more bin.txt bin0 empty sh]"; got != want {
		t.Errorf("/ has %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(w.List("/bin")), "[sub sub-file tool]"; got != want {
		t.Errorf("/bin has %s, want %s", got, want)
	}
	w = w.Swap() // some directories are loaded, others are not
	if got, want := fmt.Sprint(w.List("/bin/sub")), "[deep]"; got != want {
		t.Errorf("/bin/sub has %s, want %s", got, want)
	}
	if got := w.List("/empty"); len(got) != 0 {
		t.Errorf("/empty has %v", got)
	}
	if st, e := w.Stat("/bin"); e != 0 || st.Nlink != 3 {
		t.Errorf("/bin: %v, %d links", e, st.Nlink)
	}
	if st, e := w.Stat("/bin/tool"); e != 0 || st.Size != 12000 || st.Blocks != 24 || st.Mtim.Sec != 1_600_000_000 {
		t.Errorf("/bin/tool: %v %+v", e, st)
	}
	if e := w.C.Rmdir(unix.AT_FDCWD, []byte("/bin/sub/deep")); e != unix.ENOTEMPTY {
		t.Errorf("rmdir of a directory that was never looked at: %v", e)
	}
	if e := w.C.Rmdir(unix.AT_FDCWD, []byte("/empty")); e != 0 {
		t.Errorf("rmdir of an empty one: %v", e)
	}
}

// The image does not count against the limits of the root; everything else does.
func TestRootHasTheLimitsOfATmpfs(t *testing.T) {
	w := imageWorld(t)
	root, e := w.Lookup("/")
	if e != 0 {
		t.Fatal(e)
	}
	var st unix.Statfs_t
	statfs := func() *unix.Statfs_t { w.C.Statfs(root, &st); return &st }
	w.List("/bin/sub/deep")
	f := w.MustOpen("/bin/tool", unix.O_RDONLY, 0)
	if _, e := w.Read(f, 12000); e != 0 {
		t.Fatal(e)
	}
	if s := statfs(); s.Blocks == 0 || s.Bfree != s.Blocks || s.Ffree < s.Blocks {
		t.Fatalf("with the image alone: %+v", *s)
	}
	big := w.MustOpen("/big", unix.O_CREAT|unix.O_RDWR, 0o600)
	block := make([]byte, 1<<20)
	var n int64
	for {
		m, e := w.WriteAt(big, block, n)
		if n += int64(m); e == unix.ENOSPC {
			break
		} else if e != 0 || n > 1<<40 {
			t.Fatal(e, n)
		}
	}
	if s := statfs(); n != int64(s.Blocks)*s.Bsize || s.Bfree != 0 {
		t.Errorf("%d bytes fit into %d blocks, %d are free", n, s.Blocks, s.Bfree)
	}
	inodes := statfs().Ffree
	for i := range inodes {
		if e := w.Mkdir(fmt.Sprintf("/%d", i), 0o700); e != 0 {
			t.Fatal(i, inodes, e)
		}
	}
	if e := w.Mkdir("/more", 0o700); e != unix.ENOSPC {
		t.Errorf("one more: %v", e)
	}
}

func TestImageFilesAreAdoptedAndPrivate(t *testing.T) {
	w := imageWorld(t)
	want := bytes.Repeat([]byte("tool"), 3000)
	f := w.MustOpen("/sh", unix.O_RDWR, 0)
	if w.Store.Objects() != 0 {
		t.Error("contents were adopted before they were needed")
	}
	if b, e := w.ReadAt(f, 20000, 0); e != 0 || !bytes.Equal(b, want) {
		t.Errorf("read %d bytes, %v", len(b), e)
	}
	if w.Store.Calls != 1 {
		t.Errorf("%d messages to read a file of the image", w.Store.Calls)
	}
	w.WriteAt(f, []byte("CHANGED"), 5000)
	copy(want[5000:], "CHANGED")
	fd, _ := w.C.Alloc(f, 0, false)
	w = w.Swap()
	f = w.C.Files.Get(fd)
	if b, _ := w.ReadAt(f, 20000, 0); !bytes.Equal(b, want) {
		t.Error("what was written is not there")
	}
	if e := w.C.TruncateFile(f, 4100); e != 0 {
		t.Fatal(e)
	}
	w.WriteAt(f, []byte("!"), 9000)
	b, _ := w.ReadAt(f, 20000, 0)
	if !bytes.Equal(b[:4100], want[:4100]) || !bytes.Equal(b[4100:9000], make([]byte, 4900)) {
		t.Error("after truncation something old shows")
	}
	g := w.MustOpen("/bin.txt", unix.O_WRONLY|unix.O_TRUNC, 0)
	w.Write(g, []byte("new"))
	if b, _ := w.ReadAt(w.MustOpen("/bin.txt", unix.O_RDONLY, 0), 100, 0); string(b) != "new" {
		t.Errorf("after O_TRUNC: %q", b)
	}
}

func TestHardLinksOfTheImage(t *testing.T) {
	nodes := imageNodes()
	shared := []byte("one file, three names")
	nodes = append(nodes, rootfs.Node{Path: "bin/a", Mode: rootfs.TypeFile | 0644, Data: shared},
		rootfs.Node{Path: "empty/b", HardLink: "bin/a"}, rootfs.Node{Path: "bin/sub/c", HardLink: "bin/a"})
	data, err := rootfs.Encode(nodes)
	if err != nil {
		t.Fatal(err)
	}
	im, err := rootfs.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	w := vfstest.NewFromImage(t, im, data)
	st, e := w.Stat("/empty/b")
	if e != 0 || st.Nlink != 3 {
		t.Fatalf("%v, %d links", e, st.Nlink)
	}
	if e := w.C.Unlink(unix.AT_FDCWD, []byte("/empty/b")); e != 0 {
		t.Fatal(e)
	}
	w = w.Swap() // two names are still only in the image
	other, _ := w.Stat("/bin/sub/c")
	if other.Ino != st.Ino || other.Nlink != 2 {
		t.Errorf("the other name is inode %d with %d links, want %d with 2", other.Ino, other.Nlink, st.Ino)
	}
}
