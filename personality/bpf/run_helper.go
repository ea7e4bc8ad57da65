package bpf

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/ipc"
)

// failed is the result of a helper that failed.
func failed(e unix.Errno) uint64 { return uint64(-int64(e)) }

func zero(*machine, *[5]uint64) uint64 { return 0 }

func mapLookup(m *machine, a *[5]uint64) uint64 {
	p := m.mapOf(a[0])
	if p == nil {
		return 0
	}
	slot, ok := p.slot(m.memory(a[1], int(p.KeySize)))
	if !ok {
		return 0
	}
	return address(regionValues+a[0]&offsetMask, uint64(slot)*uint64(p.stride))
}

// lookup is mapLookup in an array that is known before.
func (m *machine) lookup(number, key uint64) uint64 {
	p := m.p.maps[number]
	slot := binary.LittleEndian.Uint32(m.memory(key, 4))
	if slot >= p.MaxEntries {
		return 0
	}
	return address(regionValues+number, uint64(slot)*uint64(p.stride))
}

func mapUpdate(m *machine, a *[5]uint64) uint64 {
	p := m.mapOf(a[0])
	if p == nil {
		return 0
	}
	key, value := m.memory(a[1], int(p.KeySize)), m.memory(a[2], int(p.ValueSize))
	if m.broken {
		return 0
	}
	// The value may lie in the map itself, which may move.
	m.spare = append(m.spare[:0], value...)
	return failed(p.Update(key, m.spare, a[3]))
}

func mapDelete(m *machine, a *[5]uint64) uint64 {
	p := m.mapOf(a[0])
	if p == nil {
		return 0
	}
	return failed(p.Delete(m.memory(a[1], int(p.KeySize))))
}

func kernelTime(m *machine, _ *[5]uint64) uint64   { return uint64(m.env.Now()) }
func randomNumber(m *machine, _ *[5]uint64) uint64 { return uint64(m.env.Random()) }
func pidTGID(m *machine, _ *[5]uint64) uint64      { return m.env.PIDTGID() }
func uidGID(m *machine, _ *[5]uint64) uint64       { return m.env.UIDGID() }
func functionIP(m *machine, _ *[5]uint64) uint64   { return m.on.Function }
func attachCookie(m *machine, _ *[5]uint64) uint64 { return m.on.Cookie }

func currentComm(m *machine, a *[5]uint64) uint64 {
	b := m.memory(a[0], int(a[1]))
	clear(b)
	copy(b[:len(b)-1], m.env.Comm())
	return 0
}

// probeRead copies from the program's memory. What cannot be read reads as zeros.
func probeRead(m *machine, a *[5]uint64) uint64 {
	b := m.memory(a[0], int(uint32(a[1])))
	for n := 0; n < len(b); {
		s, e := m.env.Memory().Span(a[2]+uint64(n), len(b)-n, ipc.Read)
		if e != 0 || len(s) == 0 {
			clear(b)
			return failed(unix.EFAULT)
		}
		n += copy(b[n:], s)
	}
	return 0
}

// probeReadString copies up to a NUL, which it always writes, and returns how much it wrote.
func probeReadString(m *machine, a *[5]uint64) uint64 {
	b := m.memory(a[0], int(uint32(a[1])))
	for n := 0; n < len(b); {
		s, e := m.env.Memory().Span(a[2]+uint64(n), len(b)-n, ipc.Read)
		if e != 0 || len(s) == 0 {
			clear(b)
			return failed(unix.EFAULT)
		}
		for _, c := range s {
			if b[n] = c; c == 0 {
				return uint64(n + 1)
			}
			n++
		}
	}
	if len(b) > 0 {
		b[len(b)-1] = 0
	}
	return uint64(len(b))
}

// probeReadKernel reads memory of a kernel, of which there is none.
func probeReadKernel(m *machine, a *[5]uint64) uint64 {
	clear(m.memory(a[0], int(uint32(a[1]))))
	return failed(unix.EFAULT)
}

func ringOutput(m *machine, a *[5]uint64) uint64 {
	p := m.mapOf(a[0])
	if p == nil {
		return 0
	}
	if a[3]&^(ringNoWakeup|ringForceWakeup) != 0 {
		return failed(unix.EINVAL)
	}
	b := m.memory(a[1], int(uint32(a[2])))
	if m.broken {
		return 0
	}
	at, ok := p.reserve(uint64(len(b)))
	if !ok {
		return failed(unix.EAGAIN)
	}
	p.commit(at, b, false, a[3])
	return 0
}

func perfOutput(m *machine, a *[5]uint64) uint64 {
	p := m.mapOf(a[1])
	if p == nil {
		return 0
	}
	b := m.memory(a[3], int(uint32(a[4])))
	if m.broken {
		return 0
	}
	return failed(p.emit(a[2], b))
}

func ringReserve(m *machine, a *[5]uint64) uint64 {
	p := m.mapOf(a[0])
	if p == nil || a[2] != 0 || len(m.records) >= 1<<10 {
		return 0
	}
	at, ok := p.reserve(a[1])
	if !ok {
		return 0
	}
	m.records = append(m.records, record{m: p, at: at, b: make([]byte, a[1])})
	return address(regionRecords+uint64(len(m.records)-1), 0)
}

func ringSubmit(m *machine, a *[5]uint64) uint64  { return m.give(a, false) }
func ringDiscard(m *machine, a *[5]uint64) uint64 { return m.give(a, true) }

// give ends a record.
func (m *machine) give(a *[5]uint64, discard bool) uint64 {
	n := a[0]>>offsetBits - regionRecords
	if a[0]>>offsetBits < regionRecords || n >= uint64(len(m.records)) || m.records[n].done || a[0]&offsetMask != 0 {
		m.broken = true
		return 0
	}
	r := &m.records[n]
	r.done = true
	r.m.commit(r.at, r.b, discard, a[1])
	return 0
}

func ringQuery(m *machine, a *[5]uint64) uint64 {
	if p := m.mapOf(a[0]); p != nil {
		return p.query(a[1])
	}
	return 0
}
