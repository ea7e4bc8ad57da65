package procfs

import (
	"fmt"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
)

// Describer is what operations of open files implement that have more to say in fdinfo:
// eventfd, epoll, signalfd, timerfd.
type Describer interface {
	// Describe appends its lines.
	Describe(f *vfs.File, b []byte) []byte
}

// showFDInfo is /proc/PID/fdinfo/N.
func showFDInfo(r *request) ([]byte, unix.Errno) {
	f := r.open(r.key)
	if f == nil {
		return nil, unix.ENOENT
	}
	flags := f.Flags
	if r.t.Files.CloseOnExec(int32(r.key)) {
		flags |= unix.O_CLOEXEC
	}
	b := fmt.Appendf(nil, "pos:\t%d\nflags:\t0%o\nmnt_id:\t%d\nino:\t%d\n", f.Pos, flags, f.Mnt.Number, f.Inode.Ino)
	if d, ok := f.Ops.(Describer); ok {
		b = d.Describe(f, b)
	}
	if f.Kind == vfs.KindPidFD {
		b = fmt.Appendf(b, "Pid:\t%d\nNSpid:\t%d\n", int32(f.Key0), int32(f.Key0))
	}
	return b, 0
}
