package bpf

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// BTF is descriptions of types (Linux Documentation/bpf/btf.rst) that a loader gave. Nothing here
// depends on them; tools read them back.
type BTF struct {
	state.BtfT
	o    *Objects
	refs int
}

const (
	btfMagic  = 0xeb9f
	btfHeader = 24
	maxBTF    = 1 << 20
	maxBTFs   = 256
)

// NewBTF is BPF_BTF_LOAD. EINVAL for what is no BTF.
func (o *Objects) NewBTF(data []byte) (*BTF, unix.Errno) {
	switch {
	case len(data) > maxBTF:
		return nil, unix.E2BIG
	case !validBTF(data):
		return nil, unix.EINVAL
	case len(o.btfs) >= maxBTFs:
		return nil, unix.ENOMEM
	}
	o.nextBTF++
	b := &BTF{o: o, refs: 1, BtfT: state.BtfT{Id: o.nextBTF, Data: data}}
	o.btfs[b.Id] = b
	return b, 0
}

// validBTF checks the header and that every type lies in its section and names strings that there are.
func validBTF(data []byte) bool {
	if len(data) < btfHeader {
		return false
	}
	le := binary.LittleEndian
	header := uint64(le.Uint32(data[4:]))
	typeOff, typeLen := uint64(le.Uint32(data[8:])), uint64(le.Uint32(data[12:]))
	strOff, strLen := uint64(le.Uint32(data[16:])), uint64(le.Uint32(data[20:]))
	size := uint64(len(data))
	if le.Uint16(data) != btfMagic || data[2] != 1 || data[3] != 0 || header < btfHeader || header > size ||
		typeOff%4 != 0 || header+typeOff+typeLen != header+strOff || header+strOff+strLen != size || strLen == 0 {
		return false
	}
	text := data[header+strOff:]
	if text[0] != 0 || text[len(text)-1] != 0 {
		return false
	}
	for types := data[header+typeOff:][:typeLen]; len(types) > 0; {
		if len(types) < 12 || uint64(le.Uint32(types)) >= strLen {
			return false
		}
		n, ok := btfTypeSize(le.Uint32(types[4:]))
		if !ok || n > len(types) {
			return false
		}
		types = types[n:]
	}
	return true
}

// btfTypeSize is how many bytes a type takes, by its kind and how many parts it has.
func btfTypeSize(info uint32) (int, bool) {
	parts := int(info & 0xffff)
	switch info >> 24 & 0x1f {
	case 1, 14, 17: // integer, variable, tag
		return 12 + 4, true
	case 2, 7, 8, 9, 10, 11, 12, 16, 18: // those that refer to one type
		return 12, true
	case 3: // array
		return 12 + 12, true
	case 4, 5, 15, 19: // structure, union, section, enumeration of 64 bits
		return 12 + 12*parts, true
	case 6, 13: // enumeration, prototype of a function
		return 12 + 8*parts, true
	}
	return 0, false
}

// Put drops a user.
func (b *BTF) Put() {
	if b.refs--; b.refs <= 0 {
		delete(b.o.btfs, b.Id)
	}
}
