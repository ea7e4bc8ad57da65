package bpf

// Regions: the upper 16 bits of an address. Address 0 is in none.
const (
	regionStack   = 1
	regionContext = 2
	regionMap     = 3      // the offset is the number of the map; not memory
	regionRecords = 0x1000 // and the number of the record
	regionValues  = 0x4000 // and the number of the map

	offsetBits = 48
	offsetMask = 1<<offsetBits - 1
)

func address(region, offset uint64) uint64 { return region<<offsetBits | offset }

// memory is n bytes at an address. An address that is nowhere breaks the run.
func (m *machine) memory(at uint64, n int) []byte {
	var area []byte
	off := at & offsetMask
	if at>>offsetBits == regionStack {
		area = m.stack[:]
	} else {
		area = m.area(at)
	}
	if off > uint64(len(area)) || uint64(n) > uint64(len(area))-off {
		m.broken = true
		if n <= len(m.none) {
			m.none = [8]byte{}
			return m.none[:n]
		}
		return make([]byte, n)
	}
	if m.strict {
		m.inspect(at, n)
	}
	return area[off : off+uint64(n)]
}

// area is all of a region.
func (m *machine) area(at uint64) []byte {
	switch region := at >> offsetBits; {
	case region == regionContext:
		return m.on.Context
	case region >= regionValues && region-regionValues < uint64(len(m.p.maps)):
		return m.p.maps[region-regionValues].Values
	case region >= regionRecords && region-regionRecords < uint64(len(m.records)):
		if r := &m.records[region-regionRecords]; !r.done {
			return r.b
		}
	}
	return nil
}

// inspect breaks a run that leaves one value for another, or the stack of its functions.
func (m *machine) inspect(at uint64, n int) {
	off := at & offsetMask
	switch region := at >> offsetBits; {
	case region == regionStack:
		if off+uint64(n) > uint64(m.depth+1)*stackSize {
			m.broken = true
		}
	case region >= regionValues:
		p := m.p.maps[region-regionValues]
		if off%uint64(p.stride)+uint64(n) > uint64(p.ValueSize) {
			m.broken = true
		}
	}
}

// mapOf is the map that an argument is.
func (m *machine) mapOf(at uint64) *Map {
	if n := at & offsetMask; at>>offsetBits == regionMap && n < uint64(len(m.p.maps)) {
		return m.p.maps[n]
	}
	m.broken = true
	return nil
}
