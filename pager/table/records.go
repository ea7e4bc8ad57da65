package table

import "unsafe"

// Magic and Version start the published header.
const (
	Magic   = 0x4c424154_52474150 // "PAGRTABL"
	Version = 4
)

// Header is the first thing published; CodeInfo gives its physical address.
type Header struct {
	Magic   uint64
	Version uint64

	// Memory that is undecided (Spare) becomes data, tables or the kernel's as it
	// is needed, and then stays what it is.
	FramesTotal uint64 // pages for data at the start, the undecided ones among them
	FramesFree  uint64 // pages free for data, the undecided ones among them
	FramesUsed  uint64 // pages of data in use
	TablesTotal uint64 // pages of tables so far
	TablesFree  uint64
	GrantsTotal uint64 // pages given to the kernel so far
	Spare       uint64 // pages undecided
	DataLeft    uint64 // of these, what may still become data

	Spaces       uint64 // physical address of the SpaceRecords
	SpacesCount  uint64
	Objects      uint64 // physical address of the ObjectRecords
	ObjectsCount uint64

	Image      uint64 // physical address of the boot image, 0 if none was given
	ImagePages uint64

	RegionsTotal  uint64
	RegionsFree   uint64
	Faults        uint64 // faults handled since the start
	FaultPages    uint64 // pages they made present
	Copies        uint64 // pages copied on a store
	Reserve       uint64 // frames of FramesFree kept back for servers
	TablesReserve uint64 // pages of TablesFree kept back for servers
	NodesFreed    uint64 // how often a node was taken out of a tree: until then a node that was found stays what it is
}

// SpaceRecord is what is published of a space. 64 bytes.
type SpaceRecord struct {
	ID       uint32 // 0: unused
	Flags    uint32
	Root     uint64 // Entry of the top node, 0 if there is none
	Resident uint64 // pages present, in all
	Owned    uint64 // of these, private to the space or copied on the next store
	Virtual  uint64 // pages in regions
	Regions  uint64
	Peak     uint64 // the most Resident has been
	_        uint64
}

// ObjectRecord is what is published of a memory object. 64 bytes.
type ObjectRecord struct {
	ID          uint32 // 0: unused
	Levels      uint32 // height of the tree; 0: Root is the entry of page 0
	Root        uint64 // Entry of the top node or of page 0, 0 if the object holds no frame
	Size        uint64 // bytes
	Resident    uint64 // frames the object holds, the image's own not counted
	Extent      uint64 // physical address of adopted pages of the boot image
	ExtentPages uint64 // pages of it that still count
	Holders     uint32
	Mappings    uint32 // regions that map it
	_           uint64
}

// The layouts are read by programs built at another time: sizes are asserted.
const (
	_ = uint(64-unsafe.Sizeof(SpaceRecord{})) + uint(unsafe.Sizeof(SpaceRecord{})-64)
	_ = uint(64-unsafe.Sizeof(ObjectRecord{})) + uint(unsafe.Sizeof(ObjectRecord{})-64)
	_ = uint(192-unsafe.Sizeof(Header{})) + uint(unsafe.Sizeof(Header{})-192)
)

// An id is the index of its record and the generation of the index, so that an
// id kept too long names nothing.
const (
	indexBits = 20
	// MaxRecords is how many spaces or objects ids can tell apart.
	MaxRecords = 1 << indexBits
	// Generations is how many generations of an index ids tell apart; 0 is not used.
	Generations = 1 << (32 - indexBits)
)

// MakeID makes an id; generation is between 1 and Generations-1.
func MakeID(index, generation uint32) uint32 { return generation<<indexBits | index }

// Index is the record's index that id names.
func Index(id uint32) uint32 { return id % MaxRecords }

// Generation is the generation that id names.
func Generation(id uint32) uint32 { return id >> indexBits }

// View gives access to the published header and records through a window.
type View struct {
	Window  Window
	Header  *Header
	spaces  []SpaceRecord
	objects []ObjectRecord
}

// NewView finds the records by the header at physical address phys. It is false
// if there is no sound header there.
func NewView(w Window, phys uint64) (v View, ok bool) {
	h := (*Header)(w.At(phys, uint64(unsafe.Sizeof(Header{}))))
	if h == nil || phys%PageSize != 0 || h.Magic != Magic || h.Version != Version {
		return v, false
	}
	ns, no := h.SpacesCount, h.ObjectsCount
	if ns > MaxRecords || no > MaxRecords || h.Spaces%64 != 0 || h.Objects%64 != 0 {
		return v, false
	}
	sp := w.At(h.Spaces, ns*uint64(unsafe.Sizeof(SpaceRecord{})))
	ob := w.At(h.Objects, no*uint64(unsafe.Sizeof(ObjectRecord{})))
	if sp == nil || ob == nil {
		return v, false
	}
	return View{w, h, unsafe.Slice((*SpaceRecord)(sp), ns), unsafe.Slice((*ObjectRecord)(ob), no)}, true
}

// Space returns the record of a space, nil if the id names none.
func (v *View) Space(id uint32) *SpaceRecord {
	i := Index(id)
	if int(i) >= len(v.spaces) || v.spaces[i].ID != id || id == 0 {
		return nil
	}
	return &v.spaces[i]
}

// Object returns the record of an object, nil if the id names none.
func (v *View) Object(id uint32) *ObjectRecord {
	i := Index(id)
	if int(i) >= len(v.objects) || v.objects[i].ID != id || id == 0 {
		return nil
	}
	return &v.objects[i]
}
