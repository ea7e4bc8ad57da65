package perf

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/content"
	"starling/personality/wait"
)

// outputFile is an output as a file.
type outputFile struct {
	vfs.FileBase
	o *Output
}

// Read implements vfs.FileOps: the count, which stays 0 as Linux's.
func (outputFile) Read(_ *vfs.Context, _ *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	if io.Len() < 8 {
		return 0, unix.ENOSPC
	}
	return io.Put(binary.LittleEndian.AppendUint64(nil, 0))
}

// Ready implements vfs.FileOps.
func (f outputFile) Ready(_ *vfs.File, mask wait.Events) wait.Events {
	o := f.o
	if o.Pages == 0 || o.read() == o.Head {
		o.PerfOutputT.Ready = false
	}
	if o.PerfOutputT.Ready {
		return mask & (wait.In | wait.RdNrm)
	}
	return 0
}

// WaitID implements vfs.FileOps.
func (f outputFile) WaitID(*vfs.File) wait.ID { return wait.ID(f.o.Id) }

// Release implements vfs.FileOps.
func (f outputFile) Release(*vfs.VFS, *vfs.File) { f.o.close() }

// Emit implements bpf.Output.
func (f outputFile) Emit(data []byte) unix.Errno { return f.o.Emit(data) }

// Map implements vfs.FileOps; MapRange is what is asked.
func (outputFile) Map(*vfs.Context, *vfs.File) (vfs.Mapping, unix.Errno) {
	return vfs.Mapping{}, unix.EINVAL
}

// MapRange implements vfs.RangeMapper: the first mapping says how large the buffer is, a page and a power of two of
// pages; others have the same size.
func (f outputFile) MapRange(offset, length uint64, shared bool) (vfs.Mapping, unix.Errno) {
	o := f.o
	pages := length/content.PageSize - 1
	switch {
	case !shared, offset != 0, pages == 0, pages&(pages-1) != 0, o.Pages != 0 && pages != uint64(o.Pages):
		return vfs.Mapping{}, unix.EINVAL
	case pages > maxOutputPages:
		return vfs.Mapping{}, unix.EPERM // RLIMIT_MEMLOCK is what Linux names
	}
	if o.Pages == 0 {
		if e := o.create(uint32(pages)); e != 0 {
			return vfs.Mapping{}, e
		}
	}
	return vfs.Mapping{Object: o.Object}, 0
}

// Ioctl implements vfs.FileOps.
func (f outputFile) Ioctl(c *vfs.Context, _ *vfs.File, cmd uint32, arg uint64) (int64, unix.Errno) {
	switch cmd {
	case unix.PERF_EVENT_IOC_ENABLE:
		f.o.Enabled = true
	case unix.PERF_EVENT_IOC_DISABLE:
		f.o.Enabled = false
	case unix.PERF_EVENT_IOC_RESET:
	case unix.PERF_EVENT_IOC_ID:
		return 0, usermem.Write64(c.Mem, arg, f.o.Id)
	default:
		return 0, unix.ENOTTY
	}
	return 0, 0
}

type outputKind struct{ m *Events }

// Reopen implements vfs.Kind.
func (k outputKind) Reopen(f *vfs.File) unix.Errno {
	for _, o := range k.m.outputs {
		if o.Id == f.Key0 {
			f.Ops = outputFile{o: o}
			return 0
		}
	}
	return unix.EINVAL
}
