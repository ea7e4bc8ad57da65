package socket

import (
	"slices"

	"starling/personality/vfs"
)

// collect breaks cycles of sockets that only each other's queues refer to: a
// descriptor of a socket sent over itself. A file whose every reference is in
// flight lives only if it is in a queue that somebody can still read.
func (m *Sockets) collect() {
	inFlight := map[*vfs.File]int32{}
	for _, s := range m.all {
		for i := range s.queue {
			for _, f := range s.queue[i].files {
				inFlight[f]++
			}
		}
	}
	reached := map[*Socket]bool{}
	var walk func(s *Socket)
	walk = func(s *Socket) {
		if reached[s] {
			return
		}
		reached[s] = true
		for i := range s.queue {
			for _, f := range s.queue[i].files {
				if o := Of(f); o != nil {
					walk(o)
				}
			}
		}
		for _, p := range s.pending {
			walk(p)
		}
	}
	for _, s := range m.all {
		if s.file != nil && s.file.Refs() > inFlight[s.file] {
			walk(s)
		}
	}
	var lost []*Socket
	for _, s := range m.all {
		if !reached[s] && s.parent == nil && s.hasFiles() {
			lost = append(lost, s)
		}
	}
	slices.SortFunc(lost, func(a, b *Socket) int {
		if a.Id < b.Id {
			return -1
		}
		return 1
	})
	var garbage []record
	for _, s := range lost {
		for i := range s.queue {
			garbage = append(garbage, record{files: s.queue[i].files})
			s.queue[i].files = nil
		}
	}
	for i := range garbage {
		m.drop(&garbage[i])
	}
}

func (s *Socket) hasFiles() bool {
	for i := range s.queue {
		if len(s.queue[i].files) > 0 {
			return true
		}
	}
	return false
}

// Room reports whether n more descriptors may be in flight.
func (m *Sockets) Room(n int) bool { return m.flight+n <= flightMax }
