package tmpfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"starling/personality/cred"
	"starling/personality/vfs"
	"starling/personality/vfs/vfstest"
)

// The same calls, in the same order, on this machine's tmpfs and on ours give the
// same errors, attributes and contents. The expected result is Linux.

// system is a file system under test.
type system interface {
	mkdir(p string, mode uint32) unix.Errno
	create(p string, flags int, mode uint32) unix.Errno
	write(p string, off int64, b []byte) unix.Errno
	read(p string) ([]byte, unix.Errno)
	truncate(p string, n int64) unix.Errno
	link(a, b string) unix.Errno
	symlink(t, p string) unix.Errno
	readlink(p string) (string, unix.Errno)
	rename(a, b string, flags uint) unix.Errno
	unlink(p string) unix.Errno
	rmdir(p string) unix.Errno
	chmod(p string, mode uint32) unix.Errno
	access(p string, mode uint32) unix.Errno
	seek(p string, off int64, whence int) (int64, unix.Errno)
	fallocate(p string, mode uint32, off, n int64) unix.Errno
	mknod(p string, mode uint32) unix.Errno
	stat(p string, follow bool) (unix.Stat_t, unix.Errno)
}

// host is the machine the test runs on.
type host struct{ root string }

// at joins without cleaning: trailing slashes and dots matter. A symbolic link
// with an absolute target would leave the directory, so there are none.
func (h host) at(p string) string {
	if p == "" {
		return ""
	}
	return h.root + "/" + p
}

func code(err error) unix.Errno {
	if err == nil {
		return 0
	}
	var e unix.Errno
	if errors.As(err, &e) {
		return e
	}
	panic(err)
}

func (h host) mkdir(p string, mode uint32) unix.Errno { return code(unix.Mkdir(h.at(p), mode)) }
func (h host) create(p string, flags int, mode uint32) unix.Errno {
	fd, err := unix.Open(h.at(p), flags, mode)
	if err == nil {
		unix.Close(fd)
	}
	return code(err)
}
func (h host) write(p string, off int64, b []byte) unix.Errno {
	fd, err := unix.Open(h.at(p), unix.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return code(err)
	}
	defer unix.Close(fd)
	_, err = unix.Pwrite(fd, b, off)
	return code(err)
}
func (h host) read(p string) ([]byte, unix.Errno) {
	fd, err := unix.Open(h.at(p), unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, code(err)
	}
	defer unix.Close(fd)
	b := make([]byte, 1<<17)
	n, err := unix.Read(fd, b)
	if err != nil {
		return nil, code(err)
	}
	return b[:n], 0
}
func (h host) truncate(p string, n int64) unix.Errno { return code(unix.Truncate(h.at(p), n)) }
func (h host) link(a, b string) unix.Errno           { return code(unix.Link(h.at(a), h.at(b))) }
func (h host) symlink(t, p string) unix.Errno        { return code(unix.Symlink(t, h.at(p))) }
func (h host) readlink(p string) (string, unix.Errno) {
	b := make([]byte, 4096)
	n, err := unix.Readlink(h.at(p), b)
	return string(b[:max(n, 0)]), code(err)
}
func (h host) rename(a, b string, flags uint) unix.Errno {
	return code(unix.Renameat2(unix.AT_FDCWD, h.at(a), unix.AT_FDCWD, h.at(b), flags))
}
func (h host) unlink(p string) unix.Errno              { return code(unix.Unlink(h.at(p))) }
func (h host) rmdir(p string) unix.Errno               { return code(unix.Rmdir(h.at(p))) }
func (h host) chmod(p string, mode uint32) unix.Errno  { return code(unix.Chmod(h.at(p), mode)) }
func (h host) access(p string, mode uint32) unix.Errno { return code(unix.Access(h.at(p), mode)) }
func (h host) mknod(p string, mode uint32) unix.Errno  { return code(unix.Mknod(h.at(p), mode, 0)) }
func (h host) seek(p string, off int64, whence int) (int64, unix.Errno) {
	fd, err := unix.Open(h.at(p), unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, code(err)
	}
	defer unix.Close(fd)
	n, err := unix.Seek(fd, off, whence)
	return max(n, 0), code(err)
}
func (h host) fallocate(p string, mode uint32, off, n int64) unix.Errno {
	fd, err := unix.Open(h.at(p), unix.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return code(err)
	}
	defer unix.Close(fd)
	return code(unix.Fallocate(fd, mode, off, n))
}
func (h host) stat(p string, follow bool) (st unix.Stat_t, e unix.Errno) {
	if follow {
		return st, code(unix.Stat(h.at(p), &st))
	}
	err := unix.Lstat(h.at(p), &st)
	return st, code(err)
}

// ours is the file layer. The directory /u/v/w/top stands for the host's.
type ours struct{ *vfstest.World }

func (o ours) at(p string) []byte {
	if p == "" {
		return nil
	}
	return []byte("/u/v/w/top/" + p)
}

const cwd = unix.AT_FDCWD

func (o ours) mkdir(p string, mode uint32) unix.Errno { return o.C.Mkdir(cwd, o.at(p), mode) }
func (o ours) open(p string, flags int, mode uint32) (*vfs.File, unix.Errno) {
	return o.Open(string(o.at(p)), flags, mode)
}
func (o ours) create(p string, flags int, mode uint32) unix.Errno {
	f, e := o.open(p, flags, mode)
	if e == 0 {
		o.V.Put(f)
	}
	return e
}
func (o ours) write(p string, off int64, b []byte) unix.Errno {
	f, e := o.open(p, unix.O_WRONLY|unix.O_NONBLOCK, 0)
	if e != 0 {
		return e
	}
	defer o.V.Put(f)
	if !f.Seekable() {
		return unix.ESPIPE
	}
	_, e = o.WriteAt(f, b, off)
	return e
}
func (o ours) read(p string) ([]byte, unix.Errno) {
	f, e := o.open(p, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if e != 0 {
		return nil, e
	}
	defer o.V.Put(f)
	return o.Read(f, 1<<17)
}
func (o ours) truncate(p string, n int64) unix.Errno {
	if n < 0 {
		return unix.EINVAL
	}
	at, e := o.C.Lookup(cwd, o.at(p), vfs.Follow)
	if e != 0 {
		return e
	}
	return o.C.Truncate(at, n)
}
func (o ours) link(a, b string) unix.Errno {
	at, e := o.C.Lookup(cwd, o.at(a), 0)
	if e != 0 {
		return e
	}
	return o.C.Link(at, cwd, o.at(b))
}
func (o ours) symlink(t, p string) unix.Errno { return o.C.Symlink(t, cwd, o.at(p)) }
func (o ours) readlink(p string) (string, unix.Errno) {
	at, e := o.C.Lookup(cwd, o.at(p), 0)
	if e != 0 {
		return "", e
	}
	return o.C.Readlink(at)
}
func (o ours) rename(a, b string, flags uint) unix.Errno {
	return o.C.Rename(cwd, o.at(a), cwd, o.at(b), uint32(flags))
}
func (o ours) unlink(p string) unix.Errno { return o.C.Unlink(cwd, o.at(p)) }
func (o ours) rmdir(p string) unix.Errno  { return o.C.Rmdir(cwd, o.at(p)) }
func (o ours) chmod(p string, mode uint32) unix.Errno {
	at, e := o.C.Lookup(cwd, o.at(p), vfs.Follow)
	if e != 0 {
		return e
	}
	return o.C.Chmod(at, mode)
}
func (o ours) access(p string, mode uint32) unix.Errno {
	at, e := o.C.Lookup(cwd, o.at(p), vfs.Follow)
	if e != 0 {
		return e
	}
	return o.C.Access(at, mode)
}
func (o ours) mknod(p string, mode uint32) unix.Errno {
	_, e := o.C.Mknod(cwd, o.at(p), mode, 0)
	return e
}
func (o ours) seek(p string, off int64, whence int) (int64, unix.Errno) {
	f, e := o.open(p, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if e != 0 {
		return 0, e
	}
	defer o.V.Put(f)
	return o.C.Seek(f, off, whence)
}
func (o ours) fallocate(p string, mode uint32, off, n int64) unix.Errno {
	f, e := o.open(p, unix.O_RDWR|unix.O_NONBLOCK, 0)
	if e != 0 {
		return e
	}
	defer o.V.Put(f)
	if !f.Inode.IsRegular() {
		return unix.ESPIPE
	}
	return f.Inode.Ops.Fallocate(o.C, f.Inode, mode, off, n)
}
func (o ours) stat(p string, follow bool) (st unix.Stat_t, e unix.Errno) {
	flags := vfs.WalkFlags(0)
	if follow {
		flags = vfs.Follow
	}
	at, e := o.C.Lookup(cwd, o.at(p), flags)
	if e == 0 {
		o.C.Stat(at, &st)
	}
	return st, e
}

// hostRoot makes an empty directory on this machine's tmpfs.
func hostRoot(t testing.TB) string {
	var fs unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &fs); err != nil || fs.Type != unix.TMPFS_MAGIC {
		t.Skip("no tmpfs at /dev/shm to compare with")
	}
	dir, err := os.MkdirTemp("/dev/shm", "starling-vfs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		filepath.Walk(dir, func(p string, i os.FileInfo, err error) error {
			if err == nil && i.IsDir() {
				os.Chmod(p, 0700)
			}
			return nil
		})
		os.RemoveAll(dir)
	})
	return dir
}

// caller is the identity of the test's process.
func caller() *cred.Cred {
	c := cred.Root(1)
	if uid := uint32(os.Geteuid()); uid != 0 {
		gid := uint32(os.Getegid())
		c = &cred.Cred{ID: 1, UID: uid, EUID: uid, SUID: uid, FSUID: uid, GID: gid, EGID: gid, SGID: gid, FSGID: gid}
	}
	return c
}

func newOurs(t vfstest.Failer) ours {
	w := vfstest.New(t)
	w.C.Cred = caller()
	w.C.FS.Umask = 022
	root := w.V.Root.Root.Inode
	root.Uid, root.Gid = w.C.Cred.UID, w.C.Cred.GID
	// Deep enough that no ".." of the test leaves it.
	for _, p := range []string{"/u", "/u/v", "/u/v/w", "/u/v/w/top"} {
		if e := w.Mkdir(p, 0700); e != 0 {
			t.Fatalf("mkdir: %v", e)
		}
	}
	return ours{w}
}

var names = rapid.SampledFrom([]string{
	"a", "b", "c", "d", "a/x", "a/y", "b/x", "a/x/p", "b/x/p", "c/", "a/", "a/.", "a/..", "b/../a", ".", "..", "a//x",
	"d/e/f", "l", "l/x", "l/", "", "m", "m/../a", "a/x/..", "longer-name-in-the-same-directory", "./a",
})

var targets = rapid.SampledFrom([]string{"a", "b", "a/x", "../top/a", "l", "m", ".", "nothing", "a/", "..", "b/x/p"})

var renameFlags = rapid.SampledFrom([]uint{0, 0, 0, unix.RENAME_NOREPLACE, unix.RENAME_EXCHANGE, unix.RENAME_NOREPLACE | unix.RENAME_EXCHANGE})

var openFlags = rapid.SampledFrom([]int{
	unix.O_CREAT | unix.O_WRONLY, unix.O_CREAT | unix.O_EXCL | unix.O_RDWR, unix.O_RDONLY, unix.O_WRONLY | unix.O_TRUNC,
	unix.O_RDONLY | unix.O_DIRECTORY, unix.O_RDONLY | unix.O_NOFOLLOW, unix.O_PATH, unix.O_PATH | unix.O_NOFOLLOW,
	unix.O_CREAT | unix.O_RDONLY | unix.O_TRUNC, unix.O_RDWR, unix.O_CREAT | unix.O_RDWR | unix.O_NOFOLLOW,
	unix.O_TMPFILE | unix.O_RDWR, unix.O_TMPFILE | unix.O_RDONLY,
})

// step does one random call and says what came of it.
type step struct {
	text string
	run  func(s system) string
}

func drawStep(t *rapid.T) step {
	p, q := names.Draw(t, "p"), names.Draw(t, "q")
	mode := rapid.SampledFrom([]uint32{0777, 0644, 0, 0111, 04755, 02755, 01777}).Draw(t, "mode")
	off := rapid.SampledFrom([]int64{0, 1, 10, 4095, 4096, 5000, 8192, 20000}).Draw(t, "off")
	n := rapid.SampledFrom([]int{1, 10, 100, 4096, 5000, 9000}).Draw(t, "n")
	one := func(name string, f func(system) unix.Errno) step {
		return step{name, func(s system) string { return fmt.Sprint(int(f(s))) }}
	}
	switch rapid.IntRange(0, 17).Draw(t, "call") {
	case 0, 1:
		return one(fmt.Sprintf("mkdir(%q, %o)", p, mode), func(s system) unix.Errno { return s.mkdir(p, mode|0700) })
	case 2, 3:
		flags := openFlags.Draw(t, "flags") | unix.O_NONBLOCK
		return one(fmt.Sprintf("open(%q, %#x, %o)", p, flags, mode), func(s system) unix.Errno { return s.create(p, flags, mode) })
	case 4, 5:
		b := bytes.Repeat([]byte{byte('a' + n%26)}, n)
		return one(fmt.Sprintf("write(%q, %d, %d)", p, off, n), func(s system) unix.Errno { return s.write(p, off, b) })
	case 6:
		return step{fmt.Sprintf("read(%q)", p), func(s system) string {
			b, e := s.read(p)
			return fmt.Sprintf("%d %x", int(e), b)
		}}
	case 7:
		return one(fmt.Sprintf("truncate(%q, %d)", p, off), func(s system) unix.Errno { return s.truncate(p, off) })
	case 8:
		return one(fmt.Sprintf("link(%q, %q)", p, q), func(s system) unix.Errno { return s.link(p, q) })
	case 9:
		target := targets.Draw(t, "target")
		return one(fmt.Sprintf("symlink(%q, %q)", target, p), func(s system) unix.Errno { return s.symlink(target, p) })
	case 10:
		return step{fmt.Sprintf("readlink(%q)", p), func(s system) string {
			b, e := s.readlink(p)
			return fmt.Sprintf("%d %s", int(e), b)
		}}
	case 11, 12:
		flags := renameFlags.Draw(t, "flags")
		return one(fmt.Sprintf("rename(%q, %q, %d)", p, q, flags), func(s system) unix.Errno { return s.rename(p, q, flags) })
	case 13:
		return one(fmt.Sprintf("unlink(%q)", p), func(s system) unix.Errno { return s.unlink(p) })
	case 14:
		return one(fmt.Sprintf("rmdir(%q)", p), func(s system) unix.Errno { return s.rmdir(p) })
	case 15:
		return one(fmt.Sprintf("chmod(%q, %o)", p, mode), func(s system) unix.Errno { return s.chmod(p, mode|0700) })
	case 16:
		whence := rapid.SampledFrom([]int{unix.SEEK_DATA, unix.SEEK_HOLE, unix.SEEK_END, 9}).Draw(t, "whence")
		return step{fmt.Sprintf("seek(%q, %d, %d)", p, off, whence), func(s system) string {
			// Where a hole is depends on the size of pages and folios of the machine;
			// only whether there is one counts.
			at, e := s.seek(p, off, whence)
			if whence == unix.SEEK_DATA || whence == unix.SEEK_HOLE {
				at = 0
			}
			return fmt.Sprintf("%d %d", int(e), at)
		}}
	}
	if rapid.Bool().Draw(t, "fifo") {
		return one(fmt.Sprintf("mknod(%q, fifo)", p), func(s system) unix.Errno { return s.mknod(p, unix.S_IFIFO|0644) })
	}
	fmode := rapid.SampledFrom([]uint32{0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_KEEP_SIZE | unix.FALLOC_FL_PUNCH_HOLE}).Draw(t, "fmode")
	return one(fmt.Sprintf("fallocate(%q, %d, %d, %d)", p, fmode, off, n), func(s system) unix.Errno { return s.fallocate(p, fmode, off, int64(n)) })
}

// describe is a whole tree: types, modes, links, sizes, contents.
func describe(s system, dir string, list func(string) []string) string {
	var b bytes.Buffer
	for _, name := range list(dir) {
		p := dir + name
		st, e := s.stat(p, false)
		fmt.Fprintf(&b, "%s %d %o nlink=%d size=%d uid=%d", p, int(e), st.Mode, st.Nlink, st.Size, st.Uid)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			c, e := s.read(p)
			fmt.Fprintf(&b, " %d %x", int(e), c)
		case unix.S_IFLNK:
			t, _ := s.readlink(p)
			fmt.Fprintf(&b, " -> %s", t)
		}
		b.WriteByte('\n')
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			b.WriteString(describe(s, p+"/", list))
		}
	}
	return b.String()
}

func TestLikeLinux(t *testing.T) {
	base := hostRoot(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		h := host{fmt.Sprintf("%s/%d/u/v/w/top", base, round)}
		if err := os.MkdirAll(h.root, 0700); err != nil {
			t.Fatal(err)
		}
		old := unix.Umask(022)
		defer unix.Umask(old)
		o := newOurs(t)
		var log []string
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			s := drawStep(t)
			want, got := s.run(h), s.run(o)
			log = append(log, fmt.Sprintf("%s = %.60s", s.text, want))
			if got != want {
				t.Fatalf("%s\nlinux: %.200s\nours:  %.200s\nafter\n%s", s.text, want, got, lines(log))
			}
			if rapid.IntRange(0, 9).Draw(t, "swap") == 0 {
				o = ours{o.Swap()}
			}
		}
		hostTree := describe(h, "", func(dir string) []string {
			var all []string
			es, _ := os.ReadDir(h.at(dir + "."))
			for _, e := range es {
				all = append(all, e.Name())
			}
			return all
		})
		ourTree := describe(o, "", func(dir string) []string { return o.List("/u/v/w/top/" + dir) })
		if hostTree != ourTree {
			t.Fatalf("trees differ\nlinux:\n%s\nours:\n%s\nafter\n%s", hostTree, ourTree, lines(log))
		}
	})
}

func lines(all []string) string {
	var b bytes.Buffer
	for _, s := range all {
		b.WriteString("  " + s + "\n")
	}
	return b.String()
}
