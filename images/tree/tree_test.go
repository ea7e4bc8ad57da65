package tree

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cavaliergopher/cpio"
	"github.com/google/go-cmp/cmp"

	"starling/ipc/rootfs"
)

func image(t *testing.T, tree *Tree) *rootfs.Image {
	t.Helper()
	data, err := tree.Encode()
	if err != nil {
		t.Fatal(err)
	}
	im, err := rootfs.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func contents(t *testing.T, im *rootfs.Image, path string) string {
	t.Helper()
	i, ok := im.Find(path)
	if !ok {
		t.Fatalf("no %s", path)
	}
	return string(im.Contents(i))
}

func TestFilesLandBehindLinkedDirectories(t *testing.T) {
	tree, err := Skeleton()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/bin/sh", "lib/x86_64-linux-gnu/libc.so.6", "/var/run/pid"} {
		if err := tree.File(p, 0o755, []byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	im := image(t, tree)
	for _, p := range []string{"usr/bin/sh", "usr/lib/x86_64-linux-gnu/libc.so.6", "run/pid"} {
		contents(t, im, p)
	}
	if !tree.Has("/bin/sh") || tree.Has("/bin/dash") {
		t.Error("Has does not follow /bin")
	}
}

func TestConflicts(t *testing.T) {
	for name, build := range map[string]func(*Tree) error{
		"file over directory": func(t *Tree) error {
			if err := t.File("a/b", 0o644, nil); err != nil {
				return nil
			}
			return t.File("a", 0o644, nil)
		},
		"directory over file": func(t *Tree) error {
			if err := t.File("a", 0o644, nil); err != nil {
				return nil
			}
			return t.Dir("a", 0o755)
		},
		"file under file": func(t *Tree) error {
			if err := t.File("a", 0o644, nil); err != nil {
				return nil
			}
			return t.File("a/b", 0o644, nil)
		},
		"circle": func(t *Tree) error {
			if t.Link("x", "y") != nil || t.Link("y", "x") != nil {
				return nil
			}
			return t.File("x/a", 0o644, nil)
		},
	} {
		if err := build(New()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPackageDirectoryOverMergedLink(t *testing.T) {
	tree, err := Skeleton()
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Dir("lib", 0o755); err != nil { // as an unmerged package would
		t.Fatal(err)
	}
	if err := tree.File("lib/x", 0o644, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok := image(t, tree).Find("usr/lib/x"); !ok {
		t.Error("lib is no link to usr/lib any more")
	}
}

func TestAddHost(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	write("a", "text of a")
	write("sub/b", "text of b")
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "sub/hard")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../a", filepath.Join(dir, "sub/soft")); err != nil {
		t.Fatal(err)
	}
	tree := New()
	if err := tree.AddHost(dir, "/opt/x"); err != nil {
		t.Fatal(err)
	}
	if err := tree.AddHost(filepath.Join(dir, "a"), "/into/"); err != nil {
		t.Fatal(err)
	}
	im := image(t, tree)
	if got := contents(t, im, "opt/x/sub/hard"); got != "text of a" {
		t.Errorf("hard link has %q", got)
	}
	a, _ := im.Find("opt/x/a")
	hard, _ := im.Find("opt/x/sub/hard")
	ea, eh := im.Entry(a), im.Entry(hard)
	if ea.Inode() != eh.Inode() || ea.Links() != 2 || ea.Mode() != rootfs.TypeFile|0o640 {
		t.Errorf("inodes %d %d, %d links, mode %o", ea.Inode(), eh.Inode(), ea.Links(), ea.Mode())
	}
	soft, _ := im.Find("opt/x/sub/soft")
	if string(im.Target(soft)) != "../a" {
		t.Errorf("link leads to %q", im.Target(soft))
	}
	if contents(t, im, "into/a") != "text of a" {
		t.Error("a trailing slash does not name the directory")
	}
	if err := tree.AddHost(filepath.Join(dir, "missing"), "/m"); err == nil {
		t.Error("a missing file was added")
	}
}

// A file of the host may be larger than every memory there is: what is not in it is not read.
func TestAddHostSparse(t *testing.T) {
	name := filepath.Join(t.TempDir(), "sparse")
	if err := os.WriteFile(name, []byte("data"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 1<<42); err != nil {
		t.Fatal(err)
	}
	tree := New()
	if err := tree.AddHost(name, "/sparse"); err != nil {
		t.Fatal(err)
	}
	im := image(t, tree)
	i, _ := im.Find("sparse")
	if e := im.Entry(i); e.Size() != 1<<42 || e.Stored() > 1<<20 || e.Stored() < 4 {
		t.Errorf("size %d, stored %d", e.Size(), e.Stored())
	}
	if !strings.HasPrefix(contents(t, im, "sparse"), "data") {
		t.Error("the contents are lost")
	}

	a := hostAdder{t: tree, stored: maxStored}
	if _, _, err := a.read(name, 1<<42); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("more than fits into a machine: %v", err)
	}
}

func TestCPIO(t *testing.T) {
	var b bytes.Buffer
	w := cpio.NewWriter(&b)
	add := func(h cpio.Header, body string) {
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	add(cpio.Header{Name: ".", Mode: cpio.TypeDir | 0o755}, "")
	add(cpio.Header{Name: "bin", Mode: cpio.TypeDir | 0o755}, "")
	add(cpio.Header{Name: "bin/a", Mode: cpio.TypeReg | 0o755, Uid: 7, Guid: 8}, "body")
	add(cpio.Header{Name: "bin/l", Mode: cpio.TypeSymlink | 0o777, Linkname: "a"}, "a")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tree := New()
	if err := tree.addCPIO(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	im := image(t, tree)
	if got := contents(t, im, "bin/a"); got != "body" {
		t.Errorf("body is %q", got)
	}
	i, _ := im.Find("bin/a")
	if e := im.Entry(i); e.Uid() != 7 || e.Gid() != 8 || e.Mode() != rootfs.TypeFile|0o755 {
		t.Errorf("attributes %d %d %o", e.Uid(), e.Gid(), e.Mode())
	}
	if i, _ := im.Find("bin/l"); string(im.Target(i)) != "a" {
		t.Errorf("link leads to %q", im.Target(i))
	}
	if err := New().addCPIO(strings.NewReader("this is no archive at all, is it?")); err == nil {
		t.Error("nonsense was taken for an archive")
	}
}

func TestTar(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "./usr/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./usr/a", Typeflag: tar.TypeReg, Mode: 0o4755, Size: 3},
		{Name: "./usr/hard", Typeflag: tar.TypeLink, Linkname: "./usr/a"},
		{Name: "./usr/soft", Typeflag: tar.TypeSymlink, Linkname: "a"},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte("abc")); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.Close()
	tree := New()
	if err := tree.AddTar(&b); err != nil {
		t.Fatal(err)
	}
	im := image(t, tree)
	if contents(t, im, "usr/hard") != "abc" {
		t.Error("hard link lost its contents")
	}
	if i, _ := im.Find("usr/a"); func() uint32 { e := im.Entry(i); return e.Mode() }() != rootfs.TypeFile|0o4755 {
		t.Error("the set-user-id bit is gone")
	}
}

func TestInstallOrder(t *testing.T) {
	plan := `NOTE: This is only a simulation!
Inst libc6 (2.36-9+deb12u14 Debian-Security:12/oldstable-security [amd64]) []
Inst login (1:4.13+dfsg1-1+deb12u2 Debian:12.14/oldstable [amd64])
Inst media-types (10.0.0 Debian:12.14/oldstable [all])
Conf libc6 (2.36-9+deb12u14 Debian-Security:12/oldstable-security [amd64])
`
	want := []string{"libc6_2.36-9+deb12u14_amd64.deb", "login_1%3a4.13+dfsg1-1+deb12u2_amd64.deb", "media-types_10.0.0_all.deb"}
	if d := cmp.Diff(want, installOrder(plan)); d != "" {
		t.Error(d)
	}
}

func TestParseAdd(t *testing.T) {
	for in, want := range map[string][2]string{
		"a:/b":     {"a", "/b"},
		"/etc:/x/": {"/etc", "/x/"},
		"/abs":     {"/abs", "/abs"},
		"a:b":      {},
		":/b":      {},
	} {
		host, guest, err := ParseAdd(in)
		if (err != nil) != (want == [2]string{}) || err == nil && (host != want[0] || guest != want[1]) {
			t.Errorf("%q: %q %q %v", in, host, guest, err)
		}
	}
}

// An initial file system has a file for each name of one that has several.
func TestInitialFileSystem(t *testing.T) {
	before := New()
	for _, err := range []error{
		before.File("/bin/a", 0o755, []byte("body")), before.Link("/bin/l", "a"),
		before.Put(rootfs.Node{Path: "/bin/b", Mode: rootfs.TypeFile | 0o755, HardLink: "bin/a"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := before.CPIO()
	if err != nil {
		t.Fatal(err)
	}
	after := New()
	if err := after.addCPIO(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	im := image(t, after)
	for _, name := range []string{"bin/a", "bin/b"} {
		if got := contents(t, im, name); got != "body" {
			t.Errorf("%s is %q", name, got)
		}
	}
	if i, _ := im.Find("bin/l"); string(im.Target(i)) != "a" {
		t.Errorf("link leads to %q", im.Target(i))
	}
	if err := before.Put(rootfs.Node{Path: "/bin/c", Mode: rootfs.TypeFile | 0o755, HardLink: "bin/none"}); err != nil {
		t.Fatal(err)
	}
	if _, err := before.CPIO(); err == nil {
		t.Error("a name of a file that is not there was written")
	}
}
