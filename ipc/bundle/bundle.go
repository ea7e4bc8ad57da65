// Package bundle is the format of the files that travel in a boot image: a
// directory page followed by the files, each on its own pages. The image
// composer writes it, the kernel finds root in it, root finds everything else.
//
// Files begin on page boundaries so that their pages can become pages of a
// program or of a file system without being copied. The package imports
// nothing of the project and never trusts a length it has read.
package bundle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// Layout of the directory, little endian:
//
//	 0  magic "STARLBDL"
//	 8  version
//	12  number of entries
//	16  size of the whole bundle in bytes, a multiple of the page size
//	24  CRC-32 (IEEE) of the bytes from 32 to the end of the entries, continued
//	    over bytes 8 to 24
//	28  zero
//	32  entries of 64 bytes: name (40, zero-padded), offset (8), size (8),
//	    CRC-32 of the file (4), zero (4)
const (
	magic       = "STARLBDL"
	version     = 1
	headerSize  = 32
	entrySize   = 64
	nameSize    = 40
	pageSize    = 4096
	MaxFiles    = 1024
	offsetField = 40
	sizeField   = 48
	sumField    = 56
)

// ErrDamaged is wrapped by every error that a bundle's bytes can cause.
var ErrDamaged = errors.New("boot image damaged")

// File is one file of a bundle, as the composer takes it.
type File struct {
	Name string
	Data []byte
}

// Entry is one file of a parsed bundle.
type Entry struct {
	Name   string
	Offset uint64 // bytes from the beginning of the bundle, page-aligned
	Size   uint64 // bytes
	Sum    uint32 // CRC-32 (IEEE) of the content
}

// Bundle is a parsed bundle; Data is the memory it was parsed from.
type Bundle struct {
	Data    []byte
	Entries []Entry
}

func pages(n int) int { return (n + pageSize - 1) &^ (pageSize - 1) }

// Encode lays the files out in the order given.
func Encode(files []File) ([]byte, error) {
	if len(files) > MaxFiles {
		return nil, fmt.Errorf("bundle: %d files, at most %d fit", len(files), MaxFiles)
	}
	dir := headerSize + entrySize*len(files)
	total := pages(dir)
	for _, f := range files {
		total += pages(len(f.Data))
	}
	out := make([]byte, total)
	seen := map[string]bool{}
	at := pages(dir)
	for i, f := range files {
		if f.Name == "" || len(f.Name) > nameSize || strings.IndexByte(f.Name, 0) >= 0 {
			return nil, fmt.Errorf("bundle: bad file name %q (1 to %d bytes, no zero)", f.Name, nameSize)
		}
		if seen[f.Name] {
			return nil, fmt.Errorf("bundle: file %q given twice", f.Name)
		}
		seen[f.Name] = true
		e := out[headerSize+entrySize*i:]
		copy(e[:nameSize], f.Name)
		binary.LittleEndian.PutUint64(e[offsetField:], uint64(at))
		binary.LittleEndian.PutUint64(e[sizeField:], uint64(len(f.Data)))
		binary.LittleEndian.PutUint32(e[sumField:], crc32.ChecksumIEEE(f.Data))
		copy(out[at:], f.Data)
		at += pages(len(f.Data))
	}
	copy(out, magic)
	binary.LittleEndian.PutUint32(out[8:], version)
	binary.LittleEndian.PutUint32(out[12:], uint32(len(files)))
	binary.LittleEndian.PutUint64(out[16:], uint64(total))
	binary.LittleEndian.PutUint32(out[24:], directorySum(out, dir))
	return out, nil
}

func directorySum(data []byte, end int) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(data[headerSize:end]), crc32.IEEETable, data[8:24])
}

// Parse checks the directory of a bundle and returns its entries. The content
// of the files is not read; see Verify.
func Parse(data []byte) (*Bundle, error) {
	if len(data) < headerSize || string(data[:8]) != magic {
		return nil, fmt.Errorf("%w: no bundle directory", ErrDamaged)
	}
	if v := binary.LittleEndian.Uint32(data[8:]); v != version {
		return nil, fmt.Errorf("%w: bundle version %d, this build reads %d", ErrDamaged, v, version)
	}
	n := int(binary.LittleEndian.Uint32(data[12:]))
	total := binary.LittleEndian.Uint64(data[16:])
	dir := headerSize + entrySize*n
	if n > MaxFiles || dir > len(data) || total > uint64(len(data)) {
		return nil, fmt.Errorf("%w: bundle directory longer than the bundle", ErrDamaged)
	}
	if directorySum(data, dir) != binary.LittleEndian.Uint32(data[24:]) {
		return nil, fmt.Errorf("%w: checksum of the bundle directory does not match", ErrDamaged)
	}
	b := &Bundle{Data: data[:total], Entries: make([]Entry, n)}
	for i := range b.Entries {
		e := data[headerSize+entrySize*i:]
		name, _, _ := strings.Cut(string(e[:nameSize]), "\x00")
		f := Entry{name, binary.LittleEndian.Uint64(e[offsetField:]), binary.LittleEndian.Uint64(e[sizeField:]), binary.LittleEndian.Uint32(e[sumField:])}
		if f.Offset%pageSize != 0 || f.Offset > total || f.Size > total-f.Offset {
			return nil, fmt.Errorf("%w: file %q lies outside the bundle", ErrDamaged, name)
		}
		b.Entries[i] = f
	}
	return b, nil
}

// Find returns the entry of a file.
func (b *Bundle) Find(name string) (Entry, bool) {
	for _, e := range b.Entries {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}

// Bytes is the content of an entry of this bundle.
func (b *Bundle) Bytes(e Entry) []byte { return b.Data[e.Offset : e.Offset+e.Size : e.Offset+e.Size] }

// Verify reads the content of an entry and compares its checksum.
func (b *Bundle) Verify(e Entry) error {
	if crc32.ChecksumIEEE(b.Bytes(e)) != e.Sum {
		return fmt.Errorf("%w: checksum of file %q does not match", ErrDamaged, e.Name)
	}
	return nil
}
