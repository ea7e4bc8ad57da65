package vfs_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"starling/personality/cred"
	"starling/personality/vfs"
	"starling/personality/vfs/vfstest"
)

const cwd = unix.AT_FDCWD

// tree makes a world with a few names in it: directories end with a slash, links
// have an arrow.
func tree(t *testing.T, names ...string) *vfstest.World {
	t.Helper()
	w := vfstest.New(t)
	for _, n := range names {
		var e unix.Errno
		if from, to, ok := strings.Cut(n, "->"); ok {
			e = w.C.Symlink(to, cwd, []byte(from))
		} else if d, ok := strings.CutSuffix(n, "/"); ok {
			e = w.Mkdir(d, 0755)
		} else {
			w.V.Put(w.MustOpen(n, unix.O_CREAT|unix.O_WRONLY, 0644))
		}
		if e != 0 {
			t.Fatalf("%s: %v", n, e)
		}
	}
	return w
}

func TestResolve(t *testing.T) {
	w := tree(t, "/d/", "/d/e/", "/d/f", "/d/out->../x", "/d/abs->/d/f", "/x", "/d/up->..", "/d/e/deep->../up/x")
	d, e := w.Lookup("/d")
	if e != 0 {
		t.Fatal(e)
	}
	d.Pin()
	w.C.Chdir(d)
	for _, c := range []struct {
		path  string
		flags vfs.WalkFlags
		want  unix.Errno
	}{
		{"f", vfs.Beneath, 0},
		{"e/../f", vfs.Beneath, 0},
		{"../x", vfs.Beneath, unix.EXDEV},
		{"e/../../x", vfs.Beneath, unix.EXDEV},
		{"/d/f", vfs.Beneath, unix.EXDEV},
		{"abs", vfs.Beneath, unix.EXDEV},
		{"out", vfs.Beneath, unix.EXDEV},
		{"out", vfs.InRoot, unix.ENOENT},
		{"../../f", vfs.InRoot, 0},
		{"/f", vfs.InRoot, 0},
		{"abs", vfs.InRoot, unix.ENOENT},
		{"out", vfs.NoSymlinks, unix.ELOOP},
		{"e/deep", 0, 0},
		{"e/deep", vfs.NoSymlinks, unix.ELOOP},
		{"f/", 0, unix.ENOTDIR},
		{"f/.", 0, unix.ENOTDIR},
		{"e/", 0, 0},
		{strings.Repeat("n", 256), 0, unix.ENAMETOOLONG},
		{strings.Repeat("n", 255), 0, unix.ENOENT},
	} {
		if _, e := w.C.Lookup(cwd, []byte(c.path), c.flags|vfs.Follow); e != c.want {
			t.Errorf("%.20s with %#x: %v, want %v", c.path, c.flags, e, c.want)
		}
	}
}

func TestSymlinkLimit(t *testing.T) {
	w := tree(t, "/end")
	prev := "/end"
	for i := range 41 {
		n := "/l" + string(rune('A'+i))
		if e := w.C.Symlink(prev, cwd, []byte(n)); e != 0 {
			t.Fatal(e)
		}
		prev = n
		want := unix.Errno(0)
		if i+1 > vfs.SymlinkMax {
			want = unix.ELOOP
		}
		if _, e := w.Lookup(n); e != want {
			t.Errorf("%d links: %v, want %v", i+1, e, want)
		}
	}
}

func TestMounts(t *testing.T) {
	w := tree(t, "/m/", "/m/hidden", "/b/", "/file", "/target")
	at, _ := w.Lookup("/m")
	if e := w.C.Mount("tmp", at, "tmpfs", unix.MS_NODEV, "size=64k,mode=700", nil); e != 0 {
		t.Fatal(e)
	}
	if _, e := w.Lookup("/m/hidden"); e != unix.ENOENT {
		t.Errorf("what is under the mount shows: %v", e)
	}
	root, _ := w.Lookup("/m")
	if root.Inode().Mode&0777 != 0700 {
		t.Errorf("mode of the mount's root is %o", root.Inode().Mode)
	}
	if up, e := w.Lookup("/m/.."); e != 0 || up.D != w.V.Root.Root {
		t.Errorf("the parent of a mount's root: %v", e)
	}
	f := w.MustOpen("/m/new", unix.O_CREAT|unix.O_RDWR, 0644)
	if e := w.C.Link(f.Path, cwd, []byte("/elsewhere")); e != unix.EXDEV {
		t.Errorf("link across mounts: %v", e)
	}
	if n, e := w.Write(f, make([]byte, 100<<10)); n != 64<<10 || e != 0 {
		t.Errorf("wrote %d (%v) into a file system of 64 KiB", n, e)
	}
	if _, e := w.Write(f, []byte("x")); e != unix.ENOSPC {
		t.Errorf("a full file system: %v", e)
	}
	if name, _ := w.C.Name(f.Path); name != "/m/new" {
		t.Errorf("name %q", name)
	}
	if e := w.C.Unmount(root, 0); e != unix.EBUSY {
		t.Errorf("umount while a file is open: %v", e)
	}
	b, _ := w.Lookup("/b")
	bind := func(p string) func() (vfs.Path, unix.Errno) {
		return func() (vfs.Path, unix.Errno) { return w.Lookup(p) }
	}
	if e := w.C.Mount("/m", b, "", unix.MS_BIND, "", bind("/m")); e != 0 {
		t.Fatal(e)
	}
	if _, e := w.Lookup("/b/new"); e != 0 {
		t.Errorf("through the bind mount: %v", e)
	}
	target, _ := w.Lookup("/target")
	if e := w.C.Mount("/b", target, "", unix.MS_BIND, "", bind("/b")); e != unix.ENOTDIR {
		t.Errorf("a directory over a file: %v", e)
	}
	if e := w.C.Mount("/file", target, "", unix.MS_BIND, "", bind("/file")); e != 0 {
		t.Errorf("a file over a file: %v", e)
	}
	b, _ = w.Lookup("/b")
	if e := w.C.Mount("", b, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "", nil); e != 0 {
		t.Fatal(e)
	}
	if _, e := w.Open("/b/other", unix.O_CREAT|unix.O_WRONLY, 0644); e != unix.EROFS {
		t.Errorf("creating in a read-only mount: %v", e)
	}
	if o, e := w.Open("/m/other", unix.O_CREAT|unix.O_WRONLY, 0644); e != 0 {
		t.Errorf("the other mount of the same: %v", e)
	} else {
		w.V.Put(o)
	}
	fd, _ := w.C.Alloc(f, 0, false)
	w = w.Swap()
	f = w.C.Files.Get(fd)
	if n := len(w.V.Mounts()); n != 4 {
		t.Errorf("%d mounts after a swap", n)
	}
	root, _ = w.Lookup("/m")
	if e := w.C.Unmount(root, unix.MNT_DETACH); e != 0 {
		t.Fatalf("lazy umount: %v", e)
	}
	if b, e := w.ReadAt(f, 1, 0); len(b) != 1 || e != 0 {
		t.Errorf("the open file after it: %v", e)
	}
	b, _ = w.Lookup("/b")
	if e := w.C.Unmount(b, 0); e != 0 {
		t.Errorf("umount of the bind mount: %v", e)
	}
	w = w.Swap()
	w.C.Close(fd)
	if n := w.Store.Objects(); n != 0 {
		t.Errorf("%d memory objects left of the unmounted file system", n)
	}
}

func TestPermissions(t *testing.T) {
	w := tree(t, "/sticky/", "/sticky/roots", "/closed/", "/closed/in", "/group/")
	set := func(path string, mode, uid, gid uint32) {
		p, e := w.Lookup(path)
		if e != 0 {
			t.Fatal(e)
		}
		p.Inode().Mode = p.Inode().Mode&unix.S_IFMT | mode
		p.Inode().Uid, p.Inode().Gid = uid, gid
	}
	set("/sticky", 01777, 0, 0)
	set("/sticky/roots", 0666, 0, 0)
	set("/closed", 0750, 0, 50)
	set("/group", 02775, 0, 60)
	w.C.Cred = &cred.Cred{ID: 2, UID: 5, EUID: 5, SUID: 5, FSUID: 5, GID: 5, EGID: 5, SGID: 5, FSGID: 5, Groups: []uint32{60}}
	if _, e := w.Lookup("/closed/in"); e != unix.EACCES {
		t.Errorf("search without permission: %v", e)
	}
	if e := w.C.Unlink(cwd, []byte("/sticky/roots")); e != unix.EPERM {
		t.Errorf("unlink in a sticky directory: %v", e)
	}
	if e := w.C.Rename(cwd, []byte("/sticky/roots"), cwd, []byte("/sticky/mine"), 0); e != unix.EPERM {
		t.Errorf("rename in a sticky directory: %v", e)
	}
	f := w.MustOpen("/group/new", unix.O_CREAT|unix.O_WRONLY, 06755)
	if in := f.Inode; in.Uid != 5 || in.Gid != 60 || in.Mode&07777 != 06755 {
		t.Errorf("made in a set-group-ID directory: uid %d gid %d mode %o", in.Uid, in.Gid, in.Mode)
	}
	w.Write(f, []byte("x"))
	if m := f.Inode.Mode & 07777; m != 0755 {
		t.Errorf("mode after a write is %o, want the set-ID bits gone", m)
	}
	if e := w.C.Chown(f.Path, 0, ^uint32(0)); e != unix.EPERM {
		t.Errorf("giving a file away: %v", e)
	}
	if e := w.C.Chown(f.Path, ^uint32(0), 5); e != 0 {
		t.Errorf("to a group of one's own: %v", e)
	}
	if e := w.C.Chroot(w.C.FS.Root); e != unix.EPERM {
		t.Errorf("chroot: %v", e)
	}
	w.C.FileSizeLimit = 10
	if n, e := w.WriteAt(f, make([]byte, 20), 5); n != 5 || e != 0 {
		t.Errorf("up to RLIMIT_FSIZE: %d %v", n, e)
	}
	if _, e := w.WriteAt(f, []byte("x"), 10); e != unix.EFBIG || w.C.Raise != unix.SIGXFSZ {
		t.Errorf("beyond it: %v, signal %d", e, w.C.Raise)
	}
}

func TestDescriptors(t *testing.T) {
	w := tree(t, "/f")
	w.C.OpenLimit = 6
	var fds []int32
	for {
		fd, e := w.C.Alloc(w.MustOpen("/f", unix.O_RDONLY, 0), 0, false)
		if e == unix.EMFILE {
			break
		}
		fds = append(fds, fd)
	}
	if len(fds) != 6 || fds[5] != 5 {
		t.Fatalf("descriptors %v", fds)
	}
	w.C.Close(1)
	w.C.Close(3)
	for _, want := range []int32{1, 3} {
		if fd, _ := w.C.Alloc(w.MustOpen("/f", unix.O_RDONLY, 0), 0, false); fd != want {
			t.Errorf("got %d, want the lowest free one, %d", fd, want)
		}
	}
	w.C.Close(2)
	if fd, _ := w.C.Alloc(w.C.Files.Get(0).Get(), 3, true); fd != -1 {
		t.Errorf("above all others: %d", fd)
	}
	clone := w.V.CloneFDTable(w.C.Files)
	w.C.CloseRange(1, ^uint32(0), false)
	if w.C.Files.Next(1) != -1 || clone.Next(1) != 1 {
		t.Error("close_range reached the other table, or not far enough")
	}
	w.V.PutFDTable(clone)
	open := 0
	w.V.Files(func(*vfs.File) { open++ })
	if open != 1 {
		t.Errorf("%d files open, want 1", open)
	}
}

func TestUnlinkedFilesLiveOn(t *testing.T) {
	w := vfstest.New(t)
	f := w.MustOpen("/f", unix.O_CREAT|unix.O_RDWR, 0600)
	w.Write(f, []byte("still here"))
	w.C.Unlink(cwd, []byte("/f"))
	if name, _ := w.C.Name(f.Path); name != "/f (deleted)" {
		t.Errorf("name %q", name)
	}
	fd, _ := w.C.Alloc(f, 0, false)
	w = w.Swap()
	f = w.C.Files.Get(fd)
	if b, _ := w.ReadAt(f, 100, 0); string(b) != "still here" {
		t.Errorf("read %q", b)
	}
	if w.Store.Objects() != 1 {
		t.Error("the contents went early")
	}
	w.C.Close(fd)
	if w.Store.Objects() != 0 {
		t.Error("the contents stayed")
	}
}

func TestUnnamedFileGetsAName(t *testing.T) {
	w := vfstest.New(t)
	f := w.MustOpen("/", unix.O_TMPFILE|unix.O_RDWR, 0600)
	w.Write(f, []byte("x"))
	if e := w.C.Link(f.Path, cwd, []byte("/named")); e != 0 {
		t.Fatalf("link: %v", e)
	}
	if st, e := w.Stat("/named"); e != 0 || st.Nlink != 1 || st.Size != 1 {
		t.Errorf("stat %+v %v", st, e)
	}
	w.C.Unlink(cwd, []byte("/named"))
	if e := w.C.Link(f.Path, cwd, []byte("/again")); e != unix.ENOENT {
		t.Errorf("a file that lost its name gets another: %v", e)
	}
}
