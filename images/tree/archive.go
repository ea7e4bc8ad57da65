package tree

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cavaliergopher/cpio"

	"starling/ipc/rootfs"
)

// AddCPIO adds the contents of a cpio archive of the newc kind, plain or
// compressed by gzip. Device nodes are left out: /dev of the guest is made by
// the personality.
func (t *Tree) AddCPIO(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.addCPIO(f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (t *Tree) addCPIO(f io.Reader) error {
	in := bufio.NewReader(f)
	r := io.Reader(in)
	if magic, _ := in.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		r = z
	}
	type inode struct{ device, number int64 }
	links := map[inode][]string{}
	archive := cpio.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("not a cpio archive of the newc kind: %w", err)
		}
		n := rootfs.Node{
			Path: h.Name, Mode: uint32(h.Mode), UID: uint32(h.Uid), GID: uint32(h.Guid), Mtime: h.ModTime.UnixNano(),
		}
		body, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		switch n.Mode & rootfs.TypeMask {
		case rootfs.TypeLink:
			n.Target = h.Linkname
			if n.Target == "" {
				n.Target = string(body)
			}
		case rootfs.TypeFile:
			n.Data = body
		case rootfs.TypeChar, rootfs.TypeBlock:
			continue
		}
		if n.Mode&rootfs.TypeMask == rootfs.TypeFile && h.Links > 1 {
			// Of several names only the last carries the contents.
			key := inode{int64(h.DeviceID), h.Inode}
			others := links[key]
			links[key] = append(others, n.Path)
			for _, other := range others {
				if err := t.Put(rootfs.Node{Path: other, Mode: n.Mode, HardLink: n.Path}); err != nil {
					return err
				}
			}
		}
		if err := t.Put(n); err != nil {
			return err
		}
	}
}

// AddTar adds the contents of an uncompressed tar archive.
func (t *Tree) AddTar(r io.Reader) error {
	kinds := map[byte]uint32{
		tar.TypeReg: rootfs.TypeFile, tar.TypeDir: rootfs.TypeDir, tar.TypeSymlink: rootfs.TypeLink,
		tar.TypeChar: rootfs.TypeChar, tar.TypeBlock: rootfs.TypeBlock, tar.TypeFifo: rootfs.TypeFIFO,
	}
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		n := rootfs.Node{
			Path: h.Name, Mode: uint32(h.Mode) & 0o7777, UID: uint32(h.Uid), GID: uint32(h.Gid), Mtime: h.ModTime.UnixNano(),
		}
		kind, known := kinds[h.Typeflag]
		switch {
		case h.Typeflag == tar.TypeLink:
			n.Mode, n.HardLink = rootfs.TypeFile|n.Mode, h.Linkname
		case !known:
			return fmt.Errorf("%s: entry of unknown kind %q", h.Name, h.Typeflag)
		default:
			n.Mode |= kind
		}
		switch kind {
		case rootfs.TypeFile:
			if n.Data, err = io.ReadAll(archive); err != nil {
				return err
			}
		case rootfs.TypeLink:
			n.Target = h.Linkname
		case rootfs.TypeChar, rootfs.TypeBlock:
			n.Device = uint32(h.Devmajor)<<8 | uint32(h.Devminor)&0xff
		}
		if err := t.Put(n); err != nil {
			return err
		}
	}
}
