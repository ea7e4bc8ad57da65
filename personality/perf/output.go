package perf

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
	"starling/personality/vfs/content"
	"starling/personality/wait"
)

// An output is an event of PERF_COUNT_SW_BPF_OUTPUT: programs write records into its buffer
// (bpf_perf_event_output), which is a memory object that the reader maps: a page with positions, and
// data. What is in it counts only for the reader: the head is in the state, the tail is checked.

// Output is one of them.
type Output struct {
	state.PerfOutputT
	m     *Events
	pages []*content.Page // the page of positions first; none before it is mapped
	tail  uint64          // the last sensible one
}

// Where struct perf_event_mmap_page has what readers look at.
const (
	pageHead       = 1024
	pageTail       = 1032
	pageDataOffset = 1040
	pageDataSize   = 1048
)

// Records (perf_event_open(2)): struct perf_event_header, and what is behind it.
const (
	recordLost      = 2
	recordSample    = 9
	recordUser      = 2 // PERF_RECORD_MISC_USER
	recordHeader    = 8
	recordLostSize  = recordHeader + 16
	recordMost      = 1<<16 - 8
	rawSizeSize     = 4
	maxOutputs      = 64
	maxOutputPages  = 1024
	recordAlignment = 8
)

// OutputRequest is a checked perf_event_open(2).
type OutputRequest struct {
	// Wakeup is after how many records, or bytes with Watermark, readers are woken.
	Wakeup              uint32
	Watermark, Disabled bool
}

// OpenOutput makes an output and its file.
func (m *Events) OpenOutput(q *OutputRequest) (*vfs.File, unix.Errno) {
	if len(m.outputs) >= maxOutputs {
		return nil, unix.EMFILE
	}
	o := &Output{m: m, PerfOutputT: state.PerfOutputT{Id: m.v.NewID(), Wakeup: q.Wakeup, Watermark: q.Watermark, Enabled: !q.Disabled}}
	f, e := m.v.NewAnonFile("anon_inode:[perf_event]", vfs.KindPerfOutput, o.Id, outputFile{o: o}, unix.O_RDWR)
	if e == 0 {
		m.outputs = append(m.outputs, o)
	}
	return f, e
}

// close ends an output; mappings keep their memory.
func (o *Output) close() {
	o.m.outputs = slices.DeleteFunc(o.m.outputs, func(x *Output) bool { return x == o })
	if o.Object != 0 {
		o.m.store.Destroy(o.Object)
	}
}

// size is how many bytes of data the buffer has.
func (o *Output) size() uint64 { return uint64(o.Pages) * content.PageSize }

// create makes the buffer when it is first mapped.
func (o *Output) create(pages uint32) unix.Errno {
	all := 1 + uint64(pages)
	object, e := o.m.store.Create(all * content.PageSize)
	if e != 0 {
		return e
	}
	if n, e := o.m.store.Populate(object, 0, all); e != 0 || n != all {
		o.m.store.Destroy(object)
		return unix.ENOMEM
	}
	o.Object, o.Pages = object, pages
	if !o.findPages() {
		return unix.ENOMEM
	}
	binary.LittleEndian.PutUint64(o.pages[0][pageDataOffset:], content.PageSize)
	binary.LittleEndian.PutUint64(o.pages[0][pageDataSize:], o.size())
	return 0
}

// findPages finds the pages in the window.
func (o *Output) findPages() bool {
	o.pages = nil
	for i := range 1 + uint64(o.Pages) {
		p, _ := o.m.store.Page(o.Object, i)
		if p == nil {
			return false
		}
		o.pages = append(o.pages, p)
	}
	return true
}

// read is up to where the reader has read; a position that cannot be is the last one that could.
func (o *Output) read() uint64 {
	if at := binary.LittleEndian.Uint64(o.pages[0][pageTail:]); at <= o.Head && o.Head-at <= o.size() {
		o.tail = at
	} else if o.Head-o.tail > o.size() {
		o.tail = o.Head - o.size()
	}
	return o.tail
}

// Emit implements bpf.Output: one record with the data. ENOSPC: there is no room, which the reader is told.
func (o *Output) Emit(data []byte) unix.Errno {
	raw := (rawSizeSize+len(data)+recordAlignment-1)&^(recordAlignment-1) - rawSizeSize
	size := recordHeader + rawSizeSize + raw
	switch {
	case !o.Enabled:
		return unix.EOPNOTSUPP
	case size > recordMost:
		return unix.E2BIG
	case o.Pages == 0:
		return unix.ENOSPC // nobody has mapped it
	}
	need := uint64(size)
	if o.Lost > 0 {
		need += recordLostSize
	}
	if o.Head-o.read()+need >= o.size() {
		o.Lost++
		return unix.ENOSPC
	}
	if o.Lost > 0 {
		o.header(recordLost, 0, recordLostSize)
		o.put(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, o.Id), o.Lost))
		o.Lost = 0
	}
	o.header(recordSample, recordUser, size)
	o.put(binary.LittleEndian.AppendUint32(nil, uint32(raw)))
	o.put(data)
	o.put(make([]byte, raw-len(data)))
	binary.LittleEndian.PutUint64(o.pages[0][pageHead:], o.Head)
	o.wake(uint32(size))
	return 0
}

// wake tells readers when there is as much as they want to be told of.
func (o *Output) wake(size uint32) {
	if !o.Watermark {
		size = 1
	}
	if o.Since += size; o.Since >= o.Wakeup {
		o.Since, o.Ready = 0, true
		o.m.v.Waits.Wake(wait.ID(o.Id), wait.In|wait.RdNrm)
	}
}

func (o *Output) header(kind uint32, misc uint16, size int) {
	h := binary.LittleEndian.AppendUint32(nil, kind)
	h = binary.LittleEndian.AppendUint16(h, misc)
	o.put(binary.LittleEndian.AppendUint16(h, uint16(size)))
}

// put stores bytes at the head, and moves it.
func (o *Output) put(b []byte) {
	for len(b) > 0 {
		at := o.Head % o.size()
		n := copy(o.pages[1+at/content.PageSize][at%content.PageSize:], b)
		o.Head, b = o.Head+uint64(n), b[n:]
	}
}
