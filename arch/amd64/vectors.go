package amd64

//lint:file-ignore U1000 assembly uses what Go does not

import (
	"unsafe"

	"starling/ipc/frame"
)

// Vector state of programs. XMM0 to XMM15 and MXCSR are saved at every trap,
// because the kernel and the servers use them (MOVUPS: 16 of them cost far less
// than FXSAVE under TCG). The rest - x87, the upper halves of AVX, AVX-512 - and
// the data selectors, which no server touches, stay in the processor until
// another program is about to run: the owner is the program they belong to.

// xsaveArea is the beginning of an XSAVE image in standard format (SDM 1 13.4).
type xsaveArea struct {
	fcw       uint16
	fsw       uint16
	ftw       uint16 // abridged, in the low byte
	fop       uint16
	fip       uint64
	fdp       uint64
	mxcsr     uint32
	mxcsrMask uint32
	st        [8][16]byte
	xmm       [16][16]byte
	_         [96]byte
	present   uint64 // XSTATE_BV
	compacted uint64 // XCOMP_BV: always 0 here
	reserved  [6]uint64
}

const (
	_ = uint(576-unsafe.Sizeof(xsaveArea{})) + uint(unsafe.Sizeof(xsaveArea{})-576)

	areaMXCSR = unsafe.Offsetof(xsaveArea{}.mxcsr)
	areaXMM   = unsafe.Offsetof(xsaveArea{}.xmm)

	// Components of XCR0, SDM 1 13.1.
	componentX87    = 1 << 0
	componentSSE    = 1 << 1
	componentAVX    = 1 << 2
	componentAVX512 = 7 << 5

	fcwInitial   = 0x37f
	mxcsrInitial = 0x1f80
)

// vectors is what the processor's vector state is.
type vectors struct {
	components uint64 // XCR0
	size       uintptr
	mxcsrMask  uint32
}

// vectorUnit is found out by initVectorUnit.
var vectorUnit = vectors{componentX87 | componentSSE, 576, 0xffff}

// lazy are the components that stay in the processor across traps.
func lazy() uint64 { return vectorUnit.components &^ componentSSE }

// initVectorUnit turns on what the processor has and the frame has room for.
func initVectorUnit() {
	_, _, features, _ := cpuid(1, 0)
	if features&(1<<26) == 0 {
		fail("processor without XSAVE: use -cpu max or host")
	}
	orCR4(1 << 18) // OSXSAVE
	low, _, _, _ := cpuid(13, 0)
	want := uint64(low) & (componentX87 | componentSSE | componentAVX | componentAVX512)
	if want&componentAVX512 != componentAVX512 {
		want &^= componentAVX512
	}
	for {
		xsetbv(uint32(want))
		_, size, _, _ := cpuid(13, 0) // for what XCR0 has on now
		if size <= frame.XSaveSize {
			vectorUnit.components, vectorUnit.size = want, uintptr(size)
			break
		}
		want &^= componentAVX512
	}
	var buffer [ContextSize + 64]byte
	c := unsafe.Add(unsafe.Pointer(&buffer), 64-uintptr(unsafe.Pointer(&buffer))&63)
	area := (*xsaveArea)(unsafe.Add(c, VectorOffset))
	area.mxcsr = mxcsrInitial
	saveLive((*Context)(c), componentX87|componentSSE)
	if m := area.mxcsrMask; m != 0 {
		vectorUnit.mxcsrMask = m // SDM 1 11.6.6
	}
}

// initVectors writes the initial state into an image of zeros.
func initVectors(a *xsaveArea) {
	a.fcw, a.mxcsr, a.mxcsrMask = fcwInitial, mxcsrInitial, vectorUnit.mxcsrMask
	a.present = componentSSE // XMM registers always come from the image; the rest is initial
}

// saveVectors makes the image of c complete.
func (c *Context) saveVectors() {
	if processor.owner == c {
		saveLive(c, lazy())
	}
}

// settleVectors makes the image of c complete and the only copy.
func (c *Context) settleVectors() {
	if processor.owner == c {
		c.saveVectors()
		processor.owner = nil
	}
}

// own puts the lazy state of c into the processor. A reply to the thread that was its owner
// has to come here from now on.
func (c *Context) own() {
	if o := processor.owner; o != nil {
		saveLive(o, lazy())
		o.Long()
	}
	loadLive(c, lazy())
	processor.owner = c
}

// takeVectors loads the image from a frame, made safe there: XRSTOR faults on reserved
// bits of MXCSR, unknown components and a header that is not zero (SDM 1 13.8.1).
func (c *Context) takeVectors(f *frame.Frame) {
	a := (*xsaveArea)(unsafe.Pointer(&f.XSave))
	a.mxcsr &= vectorUnit.mxcsrMask
	a.mxcsrMask = vectorUnit.mxcsrMask
	if a.present&componentSSE == 0 {
		a.xmm = [16][16]byte{}
		if a.present&componentAVX == 0 {
			a.mxcsr = mxcsrInitial
		}
	}
	a.present = a.present&vectorUnit.components | componentSSE
	a.compacted, a.reserved = 0, [6]uint64{}
	c.settleVectors()
	copy(unsafe.Slice((*byte)(unsafe.Pointer(c.area())), vectorUnit.size), f.XSave[:vectorUnit.size])
}

// putVectors writes the image to a frame.
func (c *Context) putVectors(f *frame.Frame) {
	c.saveVectors()
	copy(f.XSave[:vectorUnit.size], unsafe.Slice((*byte)(unsafe.Pointer(c.area())), vectorUnit.size))
}
