package bpf

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
)

// Output is where programs send data for a reader: the operations of a file of perf_event_open(2).
type Output interface{ Emit(data []byte) unix.Errno }

// An array of events (BPF_MAP_TYPE_PERF_EVENT_ARRAY) keeps open files. One that was put there over a
// descriptor of the map goes when the descriptor's file is closed.
type entry struct {
	file *vfs.File
	by   *vfs.File // the map's
}

func (m *Map) isOutputs() bool { return m.Type == unix.BPF_MAP_TYPE_PERF_EVENT_ARRAY }

// PutOutput is BPF_MAP_UPDATE_ELEM. EINVAL: the file is none of an event that takes data.
func (m *Map) PutOutput(key []byte, f, by *vfs.File, flags uint64) unix.Errno {
	slot, ok := m.slot(key)
	switch _, is := f.Ops.(Output); {
	case flags != updateAny:
		return unix.EINVAL
	case !ok:
		return unix.E2BIG
	case !is:
		return unix.EINVAL
	}
	old := m.outputs[slot].file
	m.outputs[slot] = entry{f.Get(), by}
	if old != nil {
		m.o.v.Put(old)
	}
	return 0
}

// dropOutput takes an event away. ENOENT.
func (m *Map) dropOutput(key []byte) unix.Errno {
	slot, ok := m.slot(key)
	switch {
	case !ok:
		return unix.E2BIG
	case m.outputs[slot].file == nil:
		return unix.ENOENT
	}
	f := m.outputs[slot].file
	m.outputs[slot] = entry{}
	m.o.v.Put(f)
	return 0
}

// dropOutputs takes away what was put there by a file of the map; nil: everything.
func (m *Map) dropOutputs(by *vfs.File) {
	for i := range m.outputs {
		if f := m.outputs[i].file; f != nil && (by == nil || m.outputs[i].by == by) {
			m.outputs[i] = entry{}
			m.o.v.Put(f)
		}
	}
}

// emit is bpf_perf_event_output.
func (m *Map) emit(flags uint64, data []byte) unix.Errno {
	const indexMask, currentProcessor = 1<<32 - 1, 1<<32 - 1
	slot := flags & indexMask
	if slot == currentProcessor {
		slot = 0 // there is one
	}
	switch {
	case flags&^indexMask != 0:
		return unix.EINVAL
	case slot >= uint64(m.MaxEntries):
		return unix.E2BIG
	case m.outputs[slot].file == nil:
		return unix.ENOENT
	case slot != 0:
		return unix.EOPNOTSUPP // another processor's
	}
	return m.outputs[slot].file.Ops.(Output).Emit(data)
}

// exportOutputs gives the numbers of files and of those that have put them there, nil if there are none.
func (m *Map) exportOutputs() (files, by []uint64) {
	if !slices.ContainsFunc(m.outputs, func(e entry) bool { return e.file != nil }) {
		return nil, nil
	}
	for _, e := range m.outputs {
		if e.file == nil {
			files, by = append(files, 0), append(by, 0)
		} else {
			files, by = append(files, e.file.Id), append(by, e.by.Id)
		}
	}
	return files, by
}

// Relink finds the files of imported arrays.
func (o *Objects) Relink(r *vfs.Restorer) unix.Errno {
	for _, m := range o.maps {
		if len(m.Outputs) == 0 {
			continue
		}
		if len(m.Outputs) != len(m.outputs) || len(m.OutputOwners) != len(m.outputs) {
			return unix.EINVAL
		}
		for i := range m.outputs {
			if m.Outputs[i] == 0 {
				continue
			}
			f, by := r.File(m.Outputs[i]), r.File(m.OutputOwners[i])
			if f == nil || by == nil || MapOf(by) != m {
				return unix.EINVAL
			}
			if _, ok := f.Ops.(Output); !ok {
				return unix.EINVAL
			}
			m.outputs[i] = entry{f.Get(), by}
		}
		m.Outputs, m.OutputOwners = nil, nil
	}
	return 0
}
