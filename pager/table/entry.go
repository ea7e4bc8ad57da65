package table

import "starling/ipc"

// Entry is one word of a node: the physical address of a frame and what may be
// done with it. 0 is "nothing here".
type Entry uint64

const (
	// Read, Write and Execute have the values of ipc.Access. In a space they
	// say what the program may do right now, without asking the pager: a page waiting to
	// be copied on the first store lacks Write. In an object they say what a
	// holder of the window may do.
	Read    = Entry(ipc.Read)
	Write   = Entry(ipc.Write)
	Execute = Entry(ipc.Execute)
	// Rights is all of them.
	Rights = Read | Write | Execute

	// Present: there is a frame. It may be present with no right at all
	// (PROT_NONE keeps the contents).
	Present Entry = 1 << 3
	// Owned: the frame belongs to the space, not to the object mapped there.
	Owned Entry = 1 << 4
	// Image: the frame is part of the boot image and never changes.
	Image Entry = 1 << 5
	// Mapped: the kernel knows this entry. For the pager only.
	Mapped Entry = 1 << 6

	frameMask Entry = 0x000f_ffff_ffff_f000
)

// Frame is the physical address of the frame in bytes.
func (e Entry) Frame() uint64 { return uint64(e & frameMask) }

// Allows says whether everything in access may be done at once.
func (e Entry) Allows(access ipc.Access) bool { return Entry(access)&^e == 0 && e&Present != 0 }

// FrameEntry makes an Entry of a physical address and flags.
func FrameEntry(phys uint64, flags Entry) Entry { return Entry(phys)&frameMask | flags | Present }

// Node is a table of one level.
type Node [NodeEntries]Entry

const (
	nodeBits = 9
	// NodeEntries is the number of entries of a node.
	NodeEntries = 1 << nodeBits
	// SpaceLevels is the height of a space's tree: 36 bits of page number.
	SpaceLevels = 4
	// MaxPages bounds the page numbers of spaces and objects.
	MaxPages = 1 << (SpaceLevels * nodeBits)
	// PageShift turns addresses into page numbers.
	PageShift = 12
	// PageSize is the size of a page in bytes.
	PageSize = 1 << PageShift
)
