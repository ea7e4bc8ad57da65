package epoll

import (
	"fmt"
	"slices"

	"starling/personality/vfs"
)

// Describe appends the lines of /proc/PID/fdinfo (proc(5)): one for each watch, by
// descriptor.
func (epollOps) Describe(f *vfs.File, b []byte) []byte {
	e, ok := f.Private.(*Epoll)
	if !ok {
		return b
	}
	items := make([]*item, 0, len(e.items))
	for _, it := range e.items {
		items = append(items, it)
	}
	slices.SortFunc(items, func(a, b *item) int {
		if a.Fd != b.Fd {
			return int(a.Fd - b.Fd)
		}
		return int(int64(a.Order - b.Order))
	})
	for _, it := range items {
		in := it.f.Inode
		b = fmt.Appendf(b, "tfd: %8d events: %8x data: %16x  pos:%d ino:%x sdev:%x\n",
			it.Fd, it.Events, it.Data, it.f.Pos, in.Ino, in.Super.Dev)
	}
	return b
}
