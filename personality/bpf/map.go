package bpf

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs/content"
)

// Map is a map. Values lie in slots of stride bytes; a program's pointer to a value is
// the place of its slot, so that values may move when there come more.
type Map struct {
	state.BpfMapT
	o      *Objects
	refs   int // files and programs
	stride int
	index  map[string]uint32 // of a hash: slot by key
	ring   ring
	// outputs is what an array of events has.
	outputs []entry
}

// Limits of maps: bytes of one map, of a key, and of all maps together.
const (
	maxMapBytes = 16 << 20
	maxKey      = 512
	maxAllBytes = 48 << 20
	maxMaps     = 1024
	maxOutputs  = 4096 // entries of an array of events
)

// Flags of BPF_MAP_CREATE that are known.
const (
	flagNoPrealloc = unix.BPF_F_NO_PREALLOC
	flagNUMA       = unix.BPF_F_NUMA_NODE
	flagReadOnly   = unix.BPF_F_RDONLY // for system calls
	flagWriteOnly  = unix.BPF_F_WRONLY
	flagProgRead   = unix.BPF_F_RDONLY_PROG
	flagProgWrite  = unix.BPF_F_WRONLY_PROG

	flagRights = flagReadOnly | flagWriteOnly | flagProgRead | flagProgWrite
)

// Spec is what BPF_MAP_CREATE asks for.
type Spec struct {
	Type, KeySize, ValueSize, MaxEntries, Flags uint32
	Name                                        string
}

func (m *Map) isArray() bool {
	return m.Type == unix.BPF_MAP_TYPE_ARRAY || m.Type == unix.BPF_MAP_TYPE_PERCPU_ARRAY
}

func (m *Map) isHash() bool {
	return m.Type == unix.BPF_MAP_TYPE_HASH || m.Type == unix.BPF_MAP_TYPE_PERCPU_HASH
}

func (m *Map) isRing() bool { return m.Type == unix.BPF_MAP_TYPE_RINGBUF }

// perCPU: system calls see the value of each processor, of which there is one, rounded up to 8 bytes.
func (m *Map) perCPU() bool {
	return m.Type == unix.BPF_MAP_TYPE_PERCPU_ARRAY || m.Type == unix.BPF_MAP_TYPE_PERCPU_HASH
}

// Check refuses what no map can be.
func (s *Spec) Check() unix.Errno {
	if s.Flags&(flagProgRead|flagProgWrite) == flagProgRead|flagProgWrite || s.Flags&(flagReadOnly|flagWriteOnly) == flagReadOnly|flagWriteOnly {
		return unix.EINVAL
	}
	switch s.Type {
	case unix.BPF_MAP_TYPE_ARRAY, unix.BPF_MAP_TYPE_PERCPU_ARRAY:
		if s.KeySize != 4 || s.ValueSize == 0 || s.MaxEntries == 0 || s.Flags&^(flagRights|flagNUMA) != 0 {
			return unix.EINVAL
		}
	case unix.BPF_MAP_TYPE_HASH, unix.BPF_MAP_TYPE_PERCPU_HASH:
		if s.KeySize == 0 || s.ValueSize == 0 || s.MaxEntries == 0 || s.Flags&^(flagRights|flagNUMA|flagNoPrealloc) != 0 {
			return unix.EINVAL
		}
		if s.KeySize > maxKey {
			return unix.E2BIG
		}
	case unix.BPF_MAP_TYPE_PERF_EVENT_ARRAY:
		if s.KeySize != 4 || s.ValueSize != 4 || s.MaxEntries == 0 || s.MaxEntries > maxOutputs || s.Flags != 0 {
			return unix.EINVAL
		}
	case unix.BPF_MAP_TYPE_RINGBUF:
		if s.KeySize != 0 || s.ValueSize != 0 || s.Flags&^flagNUMA != 0 || s.MaxEntries == 0 ||
			s.MaxEntries&(s.MaxEntries-1) != 0 || s.MaxEntries%content.PageSize != 0 {
			return unix.EINVAL
		}
	default:
		return unix.EINVAL
	}
	if s.ValueSize > maxMapBytes {
		return unix.E2BIG
	}
	return 0
}

// bytes is how much memory the map may take.
func (m *Map) bytes() uint64 {
	if m.isRing() {
		return 2 * (content.PageSize + uint64(m.MaxEntries))
	}
	per := uint64(m.stride)
	if m.isHash() {
		per += uint64(m.KeySize) + 1
	}
	return per * uint64(m.MaxEntries)
}

// NewMap is BPF_MAP_CREATE; the caller has the one reference.
func (o *Objects) NewMap(s Spec) (*Map, unix.Errno) {
	if e := s.Check(); e != 0 {
		return nil, e
	}
	m := &Map{o: o, refs: 1, BpfMapT: state.BpfMapT{
		Type: s.Type, KeySize: s.KeySize, ValueSize: s.ValueSize, MaxEntries: s.MaxEntries, Flags: s.Flags, Name: s.Name}}
	m.init()
	all := m.bytes()
	for _, other := range o.maps {
		all += other.bytes()
	}
	switch {
	case m.bytes() > maxMapBytes:
		return nil, unix.E2BIG
	case all > maxAllBytes || len(o.maps) >= maxMaps:
		return nil, unix.ENOMEM
	}
	if !o.v.RoomFor(m.bytes()) {
		return nil, unix.ENOMEM
	}
	switch {
	case m.isArray():
		m.Values = make([]byte, m.stride*int(m.MaxEntries))
	case m.isRing():
		if e := m.newRing(); e != 0 {
			return nil, e
		}
	}
	o.nextMap++
	m.Id = o.nextMap
	o.maps[m.Id] = m
	return m, 0
}

// init sets what follows from the state.
func (m *Map) init() {
	m.stride = (int(m.ValueSize) + 7) &^ 7
	if m.isHash() {
		m.index = map[string]uint32{}
	}
	if m.isOutputs() {
		m.outputs = make([]entry, m.MaxEntries)
	}
}

// get and put count users.
func (m *Map) get() *Map {
	m.refs++
	return m
}

func (m *Map) put() {
	if m.refs--; m.refs > 0 {
		return
	}
	delete(m.o.maps, m.Id)
	if m.isRing() {
		m.o.store.Destroy(m.Object)
	}
	m.dropOutputs(nil)
}

// UserValueSize is how many bytes a value has for system calls.
func (m *Map) UserValueSize() int {
	if m.perCPU() {
		return m.stride
	}
	return int(m.ValueSize)
}

// slot finds the slot of a key; ok is false when there is none.
func (m *Map) slot(key []byte) (slot uint32, ok bool) {
	if m.isHash() {
		slot, ok = m.index[string(key)]
		return slot, ok
	}
	slot = uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
	return slot, slot < m.MaxEntries
}

// value is the bytes of a slot.
func (m *Map) value(slot uint32) []byte {
	at := int(slot) * m.stride
	return m.Values[at : at+int(m.ValueSize) : at+m.stride]
}

// Lookup is BPF_MAP_LOOKUP_ELEM: the value, good until the next change. ENOENT.
func (m *Map) Lookup(key []byte) ([]byte, unix.Errno) {
	if m.isRing() || m.isOutputs() {
		return nil, unix.EOPNOTSUPP
	}
	slot, ok := m.slot(key)
	if !ok {
		return nil, unix.ENOENT
	}
	v := m.value(slot)
	return v[:m.UserValueSize()], 0
}

// Flags of BPF_MAP_UPDATE_ELEM.
const (
	updateAny     = unix.BPF_ANY
	updateNoExist = unix.BPF_NOEXIST
	updateExist   = unix.BPF_EXIST
)

// Update is BPF_MAP_UPDATE_ELEM.
func (m *Map) Update(key, value []byte, flags uint64) unix.Errno {
	if m.isRing() {
		return unix.EOPNOTSUPP
	}
	if flags > updateExist {
		return unix.EINVAL
	}
	slot, ok := m.slot(key)
	switch {
	case m.isArray() && !ok:
		return unix.E2BIG
	case ok && flags == updateNoExist:
		return unix.EEXIST
	case !ok && flags == updateExist:
		return unix.ENOENT
	case !ok:
		if slot, ok = m.add(key); !ok {
			return unix.E2BIG
		}
	}
	copy(m.value(slot), value)
	return 0
}

// add finds a slot for a new key of a hash; false: it is full.
func (m *Map) add(key []byte) (uint32, bool) {
	if len(m.index) >= int(m.MaxEntries) {
		return 0, false
	}
	slot := uint32(len(m.Live))
	if n := len(m.Free); n > 0 {
		slot = m.Free[n-1]
		m.Free = m.Free[:n-1]
		m.Live[slot] = 1
		copy(m.Keys[int(slot)*int(m.KeySize):], key)
		clear(m.Values[int(slot)*m.stride:][:m.stride])
	} else {
		m.Live = append(m.Live, 1)
		m.Keys = append(m.Keys, key...)
		m.Values = append(m.Values, make([]byte, m.stride)...)
	}
	m.index[string(key)] = slot
	return slot, true
}

// Delete is BPF_MAP_DELETE_ELEM.
func (m *Map) Delete(key []byte) unix.Errno {
	switch {
	case m.isRing():
		return unix.EOPNOTSUPP
	case m.isArray():
		return unix.EINVAL
	case m.isOutputs():
		return m.dropOutput(key)
	}
	slot, ok := m.index[string(key)]
	if !ok {
		return unix.ENOENT
	}
	delete(m.index, string(key))
	m.Live[slot] = 0
	m.Free = append(m.Free, slot)
	return 0
}

// key is the key of a slot.
func (m *Map) key(slot uint32) []byte {
	return m.Keys[int(slot)*int(m.KeySize):][:m.KeySize]
}

// Next is BPF_MAP_GET_NEXT_KEY: the key after one, or the first if that is not there.
func (m *Map) Next(key []byte) ([]byte, unix.Errno) {
	if m.isRing() {
		return nil, unix.EOPNOTSUPP
	}
	next := uint32(0)
	if key != nil {
		if slot, ok := m.slot(key); ok {
			next = slot + 1
		}
	}
	if m.isArray() || m.isOutputs() {
		if next >= m.MaxEntries {
			return nil, unix.ENOENT
		}
		return []byte{byte(next), byte(next >> 8), byte(next >> 16), byte(next >> 24)}, 0
	}
	for ; int(next) < len(m.Live); next++ {
		if m.Live[next] != 0 {
			return m.key(next), 0
		}
	}
	return nil, unix.ENOENT
}

// SyscallMay reports whether system calls may read or write: EPERM.
func (m *Map) SyscallMay(write bool) unix.Errno {
	if write && (m.Flags&flagReadOnly != 0 || m.Frozen) || !write && m.Flags&flagWriteOnly != 0 {
		return unix.EPERM
	}
	return 0
}
