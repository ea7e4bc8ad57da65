package tree

import (
	"fmt"
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
		n.Data, err = os.ReadFile(name)
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
