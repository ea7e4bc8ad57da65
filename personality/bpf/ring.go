package bpf

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/vfs/content"
	"starling/personality/wait"
)

// A ring buffer (Linux Documentation/bpf/ringbuf.rst) is a memory object that programs map:
// the page with the consumer's position, the page with the producer's, and the data, twice, so
// that no record is torn by the end. What is in it counts only for the reader: the
// producer's position is in the state, the consumer's is checked.

// ring is what is rebuilt of a ring: its pages.
type ring struct {
	pages []*content.Page
	seen  uint64 // the last sensible position of the consumer
}

const (
	ringConsumer = 0
	ringProducer = 1
	ringData     = 2 // first page of records

	recordHeader  = 8
	recordBusy    = 1 << 31
	recordDiscard = 1 << 30
	maxRecord     = 1<<30 - 1
)

// Wake-up flags of records.
const (
	ringNoWakeup    = 1
	ringForceWakeup = 2
)

func (m *Map) newRing() unix.Errno {
	pages := ringData + 2*uint64(m.MaxEntries)/content.PageSize
	o, e := m.o.store.Create(pages * content.PageSize)
	if e != 0 {
		return e
	}
	if n, e := m.o.store.Populate(o, 0, pages); e != 0 || n != pages {
		m.o.store.Destroy(o)
		return unix.ENOMEM
	}
	m.Object, m.WaitId = o, m.o.v.NewID()
	return m.findPages()
}

// findPages finds the pages in the window.
func (m *Map) findPages() unix.Errno {
	pages := ringData + 2*uint64(m.MaxEntries)/content.PageSize
	m.ring.pages = nil
	for i := range pages {
		p, _ := m.o.store.Page(m.Object, i)
		if p == nil {
			return unix.EINVAL
		}
		m.ring.pages = append(m.ring.pages, p)
	}
	return 0
}

// consumer is up to where records were read; a position that cannot be is the last one that could.
func (m *Map) consumer() uint64 {
	at := binary.LittleEndian.Uint64(m.ring.pages[ringConsumer][:])
	if at <= m.Producer && m.Producer-at <= uint64(m.MaxEntries) {
		m.ring.seen = at
	} else if m.Producer-m.ring.seen > uint64(m.MaxEntries) {
		m.ring.seen = m.Producer - uint64(m.MaxEntries)
	}
	return m.ring.seen
}

// reserve takes room for a record of n bytes; false: there is none.
func (m *Map) reserve(n uint64) (at uint64, ok bool) {
	need := (n + recordHeader + 7) &^ 7
	if n > maxRecord || need > uint64(m.MaxEntries) || m.Producer+need-m.consumer() > uint64(m.MaxEntries)-1 {
		return 0, false
	}
	at = m.Producer
	m.header(at, uint32(n)|recordBusy)
	m.Producer += need
	binary.LittleEndian.PutUint64(m.ring.pages[ringProducer][:], m.Producer)
	return at, true
}

// commit ends a record: with the bytes in b, or as one that readers skip.
func (m *Map) commit(at uint64, b []byte, discard bool, flags uint64) {
	header := uint32(len(b))
	if discard {
		header |= recordDiscard
	} else {
		m.put8(at+recordHeader, b)
	}
	m.header(at, header)
	if flags&ringForceWakeup != 0 || flags&ringNoWakeup == 0 {
		m.o.v.Waits.Wake(wait.ID(m.WaitId), wait.In|wait.RdNrm)
	}
}

func (m *Map) header(at uint64, length uint32) {
	var h [recordHeader]byte
	binary.LittleEndian.PutUint32(h[:], length)
	binary.LittleEndian.PutUint32(h[4:], uint32(at%uint64(m.MaxEntries)/content.PageSize+ringData-1))
	m.put8(at, h[:])
}

// put8 stores bytes at a position, in both copies.
func (m *Map) put8(at uint64, b []byte) {
	size := uint64(m.MaxEntries)
	for len(b) > 0 {
		i := at % size
		n := min(uint64(len(b)), content.PageSize-i%content.PageSize)
		copy(m.ring.pages[ringData+i/content.PageSize][i%content.PageSize:], b[:n])
		copy(m.ring.pages[ringData+(i+size)/content.PageSize][i%content.PageSize:], b[:n])
		at, b = at+n, b[n:]
	}
}

// query is bpf_ringbuf_query.
func (m *Map) query(what uint64) uint64 {
	switch what {
	case 0: // BPF_RB_AVAIL_DATA
		return m.Producer - m.consumer()
	case 1: // BPF_RB_RING_SIZE
		return uint64(m.MaxEntries)
	case 2: // BPF_RB_CONS_POS
		return m.consumer()
	case 3: // BPF_RB_PROD_POS
		return m.Producer
	}
	return 0
}
