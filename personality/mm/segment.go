package mm

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/vfs"
)

// Attach is shmat(2): it maps a segment of size bytes. fixed: at q.Address, where without replace nothing may be.
func (s *Space) Attach(q *Request, replace bool, lim *Limits) (uint64, unix.Errno) {
	end := q.Address + q.Length
	if q.Fixed && !replace && (end < q.Address || s.countPages(q.Address&^pageMask, pageUp(end)) != 0) {
		return 0, unix.EINVAL
	}
	q.Flags |= Shared | Segment
	if q.Access&ipc.Write == 0 {
		q.May = ipc.Read | ipc.Execute
	}
	return s.Map(q, lim)
}

// Detach is shmdt(2): what is left of the mapping that shmat(2) made at va. EINVAL when that is nothing.
func (s *Space) Detach(va uint64) unix.Errno {
	if va&pageMask != 0 {
		return unix.EINVAL
	}
	var file *vfs.File
	var size uint64
	var parts []Region
	for r := range s.RegionsIn(va, isa.TaskSize) {
		if file != nil && r.End-va > size {
			break
		}
		if r.Flags&Segment == 0 || r.Start-va != r.Offset || file != nil && r.File != file {
			continue
		}
		file, size = r.File, pageUp(uint64(r.File.Inode.Size))
		parts = append(parts, *r)
	}
	for _, r := range parts {
		if e := s.Unmap(r.Start, r.Len()); e != 0 {
			return e
		}
	}
	if parts == nil {
		return unix.EINVAL
	}
	return 0
}
