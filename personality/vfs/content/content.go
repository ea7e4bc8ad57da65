// Package content is where the bytes of files, pipes and sockets are: in memory
// objects of the pager, reached through the window. It may import the pager's client
// end; the file systems above it know only Store.
package content

import "golang.org/x/sys/unix"

// PageSize is the size of a page in bytes.
const PageSize = 4096

// Page is the bytes of a page of an object, in the window.
type Page = [PageSize]byte

// Object names a memory object. 0 is none.
type Object = uint64

// Store is the pager as the file layer uses it.
type Store interface {
	// Create makes an object of size zero bytes without frames. ENOMEM.
	Create(size uint64) (Object, unix.Errno)
	// Adopt makes an object of size bytes of the boot image from offset on.
	Adopt(offset, size uint64) (Object, unix.Errno)
	// Resize sets the size in bytes: pages past the end go, the rest of the last is zeroed.
	// The size matters only to mappings; pages beyond it may be populated.
	Resize(o Object, size uint64) unix.Errno
	// Destroy lets go of the object; mappings keep its memory.
	Destroy(o Object)
	// Page is the page at index, nil for a hole, and whether it may be written.
	Page(o Object, index uint64) (p *Page, writable bool)
	// Next finds the first page at or after index that is present.
	Next(o Object, index uint64) (uint64, bool)
	// Populate makes pages present and writable, zeroed if new; it returns for how
	// many of them that was possible. ENOMEM if for none.
	Populate(o Object, index, pages uint64) (uint64, unix.Errno)
	// Discard makes pages holes again.
	Discard(o Object, index, pages uint64) unix.Errno
	// Resident is the number of frames the object holds.
	Resident(o Object) uint64
	// Mapped reports whether a program maps the object.
	Mapped(o Object) bool
	// TotalPages is the memory there is for programs and files.
	TotalPages() uint64
}
