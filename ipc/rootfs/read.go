// Package rootfs is the format of root file system images: an index of entries
// sorted by path, and the contents of the regular files, each on its own pages,
// so that the pages of the image become the pages of the files without a copy.
//
// images builds them on the host, the personality reads them. Open checks the
// whole index once; after that every access is in bounds.
package rootfs

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// FileName is the name of the image in the boot bundle.
const FileName = "rootfs.img"

const (
	magic   uint64 = 0x534654524c525453 // "STRLRTFS" in memory order
	version uint32 = 2

	headerSize = 40
	entrySize  = 80
	pageSize   = 4096

	// MaxEntries bounds an image.
	MaxEntries = 1 << 20
	// MaxName is the longest name of one path component, as NAME_MAX of Linux.
	MaxName = 255
	// MaxPath is the longest path or link target, as PATH_MAX less its NUL.
	MaxPath = 4095
)

// File types in a mode, as in stat(2).
const (
	TypeMask   = 0o170000
	TypeSocket = 0o140000
	TypeLink   = 0o120000
	TypeFile   = 0o100000
	TypeBlock  = 0o060000
	TypeDir    = 0o040000
	TypeChar   = 0o020000
	TypeFIFO   = 0o010000
)

// ErrDamaged is wrapped by every error of Open.
var ErrDamaged = errors.New("root file system image damaged")

var checksumTable = crc32.MakeTable(crc32.Castagnoli)

// Image is a checked image.
type Image struct {
	data  []byte
	count int
	names []byte
}

// Open checks the index of an image. The image may be followed by padding. No
// file contents are read.
func Open(data []byte) (*Image, error) {
	if len(data) < headerSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, len(data))
	}
	var h Header
	h.Init(data, 0)
	if h.Magic() != magic {
		return nil, fmt.Errorf("%w: wrong magic", ErrDamaged)
	}
	if h.Version() != version {
		return nil, fmt.Errorf("%w: version %d, this build reads %d", ErrDamaged, h.Version(), version)
	}
	count, namesSize, dataOffset := uint64(h.Entries()), uint64(h.NamesSize()), h.DataOffset()
	end := headerSize + count*entrySize + namesSize
	switch {
	case count == 0 || count > MaxEntries:
		return nil, fmt.Errorf("%w: %d entries", ErrDamaged, count)
	case h.Size() > uint64(len(data)) || dataOffset > h.Size() || dataOffset%pageSize != 0 || end > dataOffset:
		return nil, fmt.Errorf("%w: index or contents reach past the end", ErrDamaged)
	}
	if got := checksum(data[:dataOffset]); got != h.Checksum() {
		return nil, fmt.Errorf("%w: checksum of the index is %08x, should be %08x", ErrDamaged, got, h.Checksum())
	}
	im := &Image{data: data[:h.Size()], count: int(count), names: data[headerSize+count*entrySize : end]}
	for i := range im.count {
		if err := im.check(i, dataOffset); err != nil {
			return nil, fmt.Errorf("%w: entry %d: %v", ErrDamaged, i, err)
		}
	}
	return im, nil
}

// checksum is the CRC-32C of an index, its own field taken as 0.
func checksum(index []byte) uint32 {
	const field = 12
	sum := crc32.Update(0, checksumTable, index[:field])
	sum = crc32.Update(sum, checksumTable, []byte{0, 0, 0, 0})
	return crc32.Update(sum, checksumTable, index[field+4:])
}

// Len is the number of entries. Entry 0 is the root directory, and a directory
// comes before what is in it.
func (im *Image) Len() int { return im.count }

// Entry returns an entry of the index, 0 <= i < Len().
func (im *Image) Entry(i int) (e Entry) {
	e.Init(im.data, 0)
	e._tab.Pos += headerSize
	e._tab.Pos += entryOffset(i)
	return e
}

// Path is the path of entry i without a slash at either end; "" is the root.
// The bytes belong to the image.
func (im *Image) Path(i int) []byte {
	e := im.Entry(i)
	return im.names[e.Path() : e.Path()+e.PathLength() : e.Path()+e.PathLength()]
}

// Target is where entry i, a symbolic link, points. The bytes belong to the image.
func (im *Image) Target(i int) []byte {
	e := im.Entry(i)
	return im.names[e.Target() : e.Target()+e.TargetLength() : e.Target()+e.TargetLength()]
}

// Contents are the stored bytes of entry i, a regular file. They begin on a page
// boundary of the image. For a further hard link see the entry Inode() names.
func (im *Image) Contents(i int) []byte {
	e := im.Entry(i)
	return im.data[e.Offset() : e.Offset()+e.Stored() : e.Offset()+e.Stored()]
}

// Find returns the index of a path as Path gives it.
func (im *Image) Find(path string) (int, bool) {
	low, high := 0, im.count
	for low < high {
		middle := int(uint(low+high) / 2)
		if string(im.Path(middle)) < path {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < im.count && string(im.Path(low)) == path
}

// check proves that entry i may be used: everything it names lies in the image,
// its parent came before it, and it is what its mode says.
func (im *Image) check(i int, dataOffset uint64) error {
	e := im.Entry(i)
	if !inNames(e.Path(), e.PathLength(), im.names) || !inNames(e.Target(), e.TargetLength(), im.names) {
		return errors.New("name outside of the image")
	}
	path := im.Path(i)
	if i == 0 {
		if len(path) != 0 || e.Mode()&TypeMask != TypeDir {
			return errors.New("the first entry is not the root directory")
		}
	} else if err := im.checkPath(i, path); err != nil {
		return err
	}
	if e.MtimeNanoseconds() >= 1e9 || e.Links() == 0 {
		return errors.New("time or number of links out of range")
	}
	if (e.Mode()&TypeMask == TypeLink) != (e.TargetLength() > 0) {
		return errors.New("a target without a symbolic link, or the reverse")
	}
	if e.TargetLength() > MaxPath || bytes.IndexByte(im.Target(i), 0) >= 0 {
		return errors.New("bad target of a symbolic link")
	}
	switch e.Mode() & TypeMask {
	case TypeFile:
		size := uint64(len(im.data))
		if e.Offset()%pageSize != 0 || e.Offset() < dataOffset || e.Offset() > size || e.Stored() > size-e.Offset() {
			return errors.New("contents outside of the image")
		}
		if e.Stored() > e.Size() || e.Size() > math.MaxInt64 {
			return errors.New("size of a regular file out of range")
		}
	case TypeDir, TypeLink, TypeChar, TypeBlock, TypeFIFO, TypeSocket:
		if e.Size() != 0 || e.Stored() != 0 {
			return errors.New("contents without a regular file")
		}
	default:
		return fmt.Errorf("unknown file type in mode %#o", e.Mode())
	}
	return im.checkLink(i, e)
}

func (im *Image) checkPath(i int, path []byte) error {
	if len(path) > MaxPath || bytes.Compare(im.Path(i-1), path) >= 0 {
		return errors.New("paths are not in order")
	}
	slash := bytes.LastIndexByte(path, '/')
	parent, name := "", path[slash+1:]
	if slash > 0 {
		parent = string(path[:slash])
	}
	if !validName(name) || slash == 0 {
		return fmt.Errorf("bad path %q", path)
	}
	p, ok := im.Find(parent)
	if !ok || p >= i {
		return fmt.Errorf("%q has no parent directory", path)
	}
	pe := im.Entry(p)
	if pe.Mode()&TypeMask != TypeDir {
		return fmt.Errorf("%q is not a directory but has entries", parent)
	}
	return nil
}

// checkLink proves that a further hard link names an earlier entry of the same inode.
func (im *Image) checkLink(i int, e Entry) error {
	first := int64(e.Inode())
	if first == int64(i) {
		return nil
	}
	if first > int64(i) {
		return errors.New("a hard link to a later entry")
	}
	f := im.Entry(int(first))
	if int64(f.Inode()) != first || f.Mode() != e.Mode() || e.Mode()&TypeMask == TypeDir ||
		f.Offset() != e.Offset() || f.Size() != e.Size() || f.Stored() != e.Stored() || f.Device() != e.Device() || f.Links() != e.Links() {
		return errors.New("a hard link that differs from its inode")
	}
	return nil
}

func validName(name []byte) bool {
	return len(name) > 0 && len(name) <= MaxName && bytes.IndexByte(name, 0) < 0 &&
		string(name) != "." && string(name) != ".."
}

func inNames(offset, length uint32, names []byte) bool {
	return uint64(offset) <= uint64(len(names)) && uint64(length) <= uint64(len(names))-uint64(offset) &&
		uint64(offset)+uint64(length) <= math.MaxUint32
}
