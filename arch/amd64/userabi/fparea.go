package userabi

import "unsafe"

// The floating-point area of a signal frame: an XSAVE area of the standard format with a word about
// itself in the bytes that are left to software, and another one behind it (Linux
// arch/x86/kernel/fpu/signal.c).

// softwareBytes is struct _fpx_sw_bytes.
type softwareBytes struct {
	Magic1, ExtendedSize uint32
	Features             uint64
	Size                 uint32
	Rest                 [7]uint32
}

// FPArea is the beginning of a floating-point area.
type FPArea struct {
	_        [fxMXCSR]byte
	control  uint64 // MXCSR, and above it MXCSR_MASK
	_        [fxSoftware - fxMXCSR - 8]byte
	software softwareBytes
	present  uint64 // XSTATE_BV
	unused   [headerSize/8 - 1]uint64
}

const (
	xstateMagic1 = 0x46505853
	xstateMagic2 = 0x46505845
	magic2Size   = 4
)

const (
	_ = -(unsafe.Sizeof(softwareBytes{}) ^ (legacySize - fxSoftware))
	_ = -(unsafe.Offsetof(FPArea{}.present) ^ xsaveHeader)
	_ = -(unsafe.Sizeof(FPArea{}) ^ (xsaveHeader + headerSize))
)

// FPAreaIn is the area at the beginning of b, which is FPAreaSize bytes long and aligned for words.
func FPAreaIn(cpu *CPU, b []byte) *FPArea { return (*FPArea)(unsafe.Pointer(&b[:FPAreaSize(cpu)][0])) }

// FPAreaOn is the area at addr on its page; nil: it does not lie there, or not as XSAVE would place it.
func FPAreaOn(cpu *CPU, page *[PageSize]byte, addr uint64) *FPArea {
	if addr%PageSize > PageSize-uint64(FPAreaSize(cpu)) || addr%FPAlign != 0 {
		return nil
	}
	return (*FPArea)(unsafe.Pointer(&page[addr%PageSize]))
}

// stateOf is the XSAVE area of a frame.
func stateOf(f *Frame) *FPArea { return (*FPArea)(unsafe.Pointer(&f.XSave)) }

// bytes are those of an area of n bytes.
func (a *FPArea) bytes(n int) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(a)), n) }

// magic2 is the word behind an area.
func (a *FPArea) magic2(cpu *CPU) *uint32 {
	return (*uint32)(unsafe.Add(unsafe.Pointer(a), cpu.XSize))
}

// copyState copies the components of an XSAVE area of n bytes: not the reserved bytes, those for software, and the
// header. Defined in copy_amd64.s.
//
//go:noescape
func copyState(to, from *FPArea, n int)

// FPAreaSize is the size of a floating-point area with all that the processor has.
func FPAreaSize(cpu *CPU) int { return int(cpu.XSize) + magic2Size }

// SaveFP writes the floating-point state in f, which must have been synced, to the area, and makes it what handlers start
// with.
func SaveFP(cpu *CPU, f *Frame, a *FPArea) {
	state := stateOf(f)
	copyState(a, state, int(cpu.XSize))
	a.present = state.present
	if a.present != cpu.XFeatures {
		forgetFP(a.bytes(int(cpu.XSize)), a.present)
	}
	SavedFP(cpu, f, a)
}

// SavedFP completes an area to which XSAVE wrote all that the processor has, and makes the state in f what handlers
// start with, the initial one (group MaskFP; fpu__clear_user_states of Linux): of that, the bytes of components do not count.
func SavedFP(cpu *CPU, f *Frame, a *FPArea) {
	sw := &a.software
	sw.Magic1, sw.ExtendedSize = xstateMagic1, cpu.XSize+magic2Size
	sw.Features, sw.Size = cpu.XFeatures, cpu.XSize
	sw.Rest = [7]uint32{}
	// A handler may change x87 and SSE state, which sigreturn must then take from here. XSAVE leaves bits of
	// components that it does not know (SDM 1 13.7).
	a.present = a.present&cpu.XFeatures | featureX87 | featureSSE
	a.unused = [headerSize/8 - 1]uint64{}
	*a.magic2(cpu) = xstateMagic2
	state := stateOf(f)
	state.control = defaultMXCSR
	state.present = 0
}

// InitialFP is an area from which XRSTOR loads what handlers start with. b has FPAreaSize+FPAlign bytes.
func InitialFP(cpu *CPU, b []byte) *FPArea {
	b = b[-uintptr(unsafe.Pointer(&b[0]))%FPAlign:]
	a := FPAreaIn(cpu, b)
	a.control = defaultMXCSR
	return a
}

// Address is where the area is here.
func (a *FPArea) Address() uintptr { return uintptr(unsafe.Pointer(a)) }

// gather copies what lies at offset at of memory of two pieces.
func gather(b, low, high []byte, at int) {
	if at >= len(low) {
		copy(b, high[at-len(low):])
		return
	}
	copy(b[copy(b, low[at:]):], high)
}

// piece is n bytes at offset at of memory of two pieces, which lie in one of them.
func piece(low, high []byte, at, n int) []byte {
	if at < len(low) {
		return low[at : at+n]
	}
	return high[at-len(low):][:n]
}

// FPHeaderSize is how many bytes of a floating-point area FPSize has to see, FPAlign how it
// is aligned when it lies where XSAVE puts one.
const (
	FPHeaderSize = legacySize
	FPAlign      = 64
)

// FPSize says how many bytes from the start of a floating-point area RestoreFP wants,
// from its first FPHeaderSize bytes.
func FPSize(cpu *CPU, low, high []byte) int {
	sw := (*softwareBytes)(unsafe.Pointer(&piece(low, high, fxSoftware, legacySize-fxSoftware)[0]))
	size, extended := sw.Size, sw.ExtendedSize
	if sw.Magic1 != xstateMagic1 || size < legacySize+headerSize || size > cpu.XSize || size > extended {
		return legacySize
	}
	return int(size) + magic2Size
}

// LoadableFP reports whether XRSTOR takes an area of FPAreaSize bytes right from where it is, with the same outcome as RestoreFP.
func LoadableFP(cpu *CPU, a *FPArea) bool {
	sw, u := &a.software, &a.unused
	return (sw.Magic1^xstateMagic1|sw.Size^cpu.XSize|sw.ExtendedSize^(cpu.XSize+magic2Size)|*a.magic2(cpu)^xstateMagic2|
		uint32(a.control)&^mxcsrMask) == 0 && a.present&^cpu.XFeatures|sw.Features^cpu.XFeatures|u[0]|u[1]|u[2]|u[3]|u[4]|u[5]|u[6] == 0
}

// TakeFP is RestoreFP for an area that is LoadableFP, at addr here.
func TakeFP(cpu *CPU, f *Frame, addr uintptr) {
	a := *(**FPArea)(unsafe.Pointer(&addr)) // memory that the pager has mapped: nothing of Go's
	if !RestoreWholeFP(cpu, f, a) {
		b := a.bytes(FPAreaSize(cpu))
		RestoreFP(cpu, f, b, nil, FPSize(cpu, b, nil))
	}
}

// RestoreWholeFP is RestoreFP for an area of FPAreaSize bytes in one piece that says of all that the processor has
// that it is there, as handlers find it. False: it is another one, and nothing was done.
func RestoreWholeFP(cpu *CPU, f *Frame, a *FPArea) bool {
	sw, u := &a.software, &a.unused
	if sw.Magic1 != xstateMagic1 || sw.Size != cpu.XSize || sw.ExtendedSize < cpu.XSize || *a.magic2(cpu) != xstateMagic2 ||
		a.present != cpu.XFeatures || sw.Features != cpu.XFeatures || u[0]|u[1]|u[2]|u[3]|u[4]|u[5]|u[6] != 0 {
		return false
	}
	to := stateOf(f)
	copyState(to, a, int(cpu.XSize))
	to.control &= mxcsrMask
	to.present = cpu.XFeatures
	return true
}

// RestoreFP takes the floating-point state out of the first n bytes of an area, as many as
// FPSize asked for (group MaskFP). What is not there is initial. The kernel sanitises
// it once more. False when the header is one that XRSTOR refuses (SDM 1 13.8: unknown
// components, or reserved bytes that are not zero); then all is initial.
func RestoreFP(cpu *CPU, f *Frame, low, high []byte, n int) bool {
	x := f.XSave[:cpu.XSize]
	features := uint64(featureX87 | featureSSE)
	var magic2 [magic2Size]byte
	size := n - magic2Size
	if n > legacySize {
		gather(magic2[:], low, high, size)
	}
	if get32(magic2[:]) == xstateMagic2 {
		gather(x[:size], low, high, 0)
		clear(x[size:])
		// All is checked in the copy: nobody can change it any more.
		h := (*[headerSize / 8]uint64)(unsafe.Pointer(&x[xsaveHeader]))
		if h[1]|h[2]|h[3]|h[4]|h[5]|h[6]|h[7] != 0 || h[0]&^cpu.XFeatures != 0 {
			ResetFP(f)
			return false
		}
		features = h[0] & get64(x[fxSoftware+8:])
	} else {
		gather(x[:legacySize], low, high, 0)
		clear(x[legacySize:])
	}
	put64(x[xsaveHeader:], features)
	clear(x[fxSoftware:legacySize])
	put32(x[fxMXCSR:], get32(x[fxMXCSR:])&mxcsrMask)
	put32(x[fxMXCSRMask:], 0)
	if features != cpu.XFeatures {
		forgetFP(x, features)
	}
	return true
}

// forgetFP makes the bytes of components that are not present what their initial state
// is: a signal frame shows them, and says that they are present.
func forgetFP(x []byte, features uint64) {
	for i, parts := range extendedParts {
		for _, p := range parts {
			if features>>i&1 == 0 && p[1] <= len(x) {
				clear(x[p[0]:p[1]])
			}
		}
	}
	if features&featureX87 == 0 {
		put16(x[fxControl:], defaultFCW)
	}
}
