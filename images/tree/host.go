package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"starling/ipc/rootfs"
)

// AddHost adds a file or directory of the host, with everything in it, at a
// path of the guest. A guest path that ends in a slash is the directory it goes into.
func (t *Tree) AddHost(host, guest string) error {
	if strings.HasSuffix(guest, "/") {
		guest = path.Join(guest, filepath.Base(host))
	}
	a := hostAdder{t: t, links: map[[2]uint64]string{}, owners: os.Geteuid() == 0}
	// What is named on the command line is followed when it is a link itself.
	if _, err := os.Stat(host); err != nil {
		return err
	}
	start, err := filepath.EvalSymlinks(host)
	if err != nil {
		return err
	}
	return filepath.WalkDir(start, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(start, name)
		if err != nil {
			return err
		}
		return a.add(name, path.Join(guest, filepath.ToSlash(inside)))
	})
}

// hostAdder remembers the hard links of one walk.
type hostAdder struct {
	t      *Tree
	links  map[[2]uint64]string // device and inode -> first path
	owners bool                 // only root's view of owners means anything in the guest
	stored int64                // bytes of the files so far
}

func (a *hostAdder) add(name, guest string) error {
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	n := rootfs.Node{Path: guest, Mode: st.Mode, Mtime: st.Mtim.Nano()}
	if a.owners {
		n.UID, n.GID = st.Uid, st.Gid
	}
	kind := st.Mode & rootfs.TypeMask
	if kind != rootfs.TypeDir && st.Nlink > 1 {
		key := [2]uint64{st.Dev, st.Ino}
		if first, seen := a.links[key]; seen {
			n.HardLink = first
			return a.t.Put(n)
		}
		a.links[key] = guest
	}
	var err error
	switch kind {
	case rootfs.TypeFile:
		n.Data, n.Size, err = a.read(name, st.Size)
	case rootfs.TypeLink:
		n.Target, err = os.Readlink(name)
	case rootfs.TypeChar, rootfs.TypeBlock:
		n.Device = uint32(unix.Major(st.Rdev))<<8 | unix.Minor(st.Rdev)&0xff | unix.Minor(st.Rdev)&^0xff<<12
	case rootfs.TypeSocket:
		return nil // nobody listens at it in the guest
	}
	if err != nil {
		return err
	}
	return a.t.Put(n)
}

// maxStored bounds the bytes of files in a tree: more than a machine can have is not worth reading.
const maxStored = 3 << 30

// read returns the bytes of a file up to where its last hole begins, and its size, which may be much larger.
func (a *hostAdder) read(name string, size int64) ([]byte, uint64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	end, err := lastData(f, size)
	if err != nil {
		return nil, 0, &fs.PathError{Op: "lseek", Path: name, Err: err}
	}
	if a.stored += end; a.stored > maxStored {
		return nil, 0, fmt.Errorf("%s: with its %d MiB the files are larger than %d MiB, more than fits into a machine",
			name, end>>20, maxStored>>20)
	}
	if size == 0 {
		data, err := io.ReadAll(f) // those of /proc do not say their size
		return data, uint64(len(data)), err
	}
	data := make([]byte, end)
	n, err := f.ReadAt(data, 0)
	if errors.Is(err, io.EOF) {
		return data[:n], uint64(n), nil // shorter than it said
	}
	return data, uint64(size), err
}

// lastData is where the last data of a file ends: what follows is a hole.
func lastData(f *os.File, size int64) (end int64, err error) {
	for at := int64(0); at < size; {
		if at, err = unix.Seek(int(f.Fd()), at, unix.SEEK_DATA); err == unix.ENXIO {
			return end, nil // nothing but a hole from here on
		} else if err != nil {
			return size, ignoreInvalid(err)
		}
		if end, err = unix.Seek(int(f.Fd()), at, unix.SEEK_HOLE); err != nil {
			return size, ignoreInvalid(err)
		}
		at = end
	}
	return min(end, size), nil
}

// ignoreInvalid is for file systems that do not know holes (lseek(2): EINVAL).
func ignoreInvalid(err error) error {
	if err == unix.EINVAL {
		return nil
	}
	return err
}

// ParseAdd splits the HOST:GUEST of an option. The guest path must be absolute;
// without it the file keeps its place.
func ParseAdd(s string) (host, guest string, err error) {
	host, guest, ok := strings.Cut(s, ":")
	if !ok {
		if guest, err = filepath.Abs(host); err != nil {
			return "", "", err
		}
	}
	if host == "" || !path.IsAbs(guest) {
		return "", "", fmt.Errorf("%q: want HOST:GUEST, the path in the guest beginning with a slash", s)
	}
	return host, guest, nil
}
