package procfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// copyRange reads [from, to) of a program's memory, as far as it can be read and there is memory for it.
func (r *request) copyRange(m usermem.Memory, from, to uint64, most int) []byte {
	if m == nil || to <= from {
		return nil
	}
	n := min(to-from, uint64(most))
	if !r.grows(int(n)) {
		return nil
	}
	b := make([]byte, n)
	k, _ := usermem.CopyIn(m, b, from)
	return b[:k]
}

// maxText bounds what is shown of arguments and environment.
const maxText = 1 << 20

// showCommandLine is the arguments. A program that has written over their end, as
// setproctitle(3) does, shows its text up to the first NUL (proc(5)).
func showCommandLine(r *request) ([]byte, unix.Errno) {
	m := r.t.Memory
	if m == nil {
		return nil, 0
	}
	b := r.copyRange(m.Forced, m.ArgStart, m.ArgEnd, maxText)
	if len(b) == 0 || b[len(b)-1] == 0 || uint64(len(b)) != m.ArgEnd-m.ArgStart {
		return b, 0
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i], 0
	}
	rest := r.copyRange(m.Forced, m.ArgEnd, m.EnvEnd, pageSize)
	if i := bytes.IndexByte(rest, 0); i >= 0 {
		rest = rest[:i]
	}
	return append(b, rest...), 0
}

func showEnviron(r *request) ([]byte, unix.Errno) {
	m := r.t.Memory
	if m == nil {
		return nil, 0
	}
	return r.copyRange(m.Forced, m.EnvStart, m.EnvEnd, maxText), 0
}

func showAuxv(r *request) ([]byte, unix.Errno) {
	m := r.t.Memory
	if m == nil {
		return nil, 0
	}
	var b []byte
	for _, w := range m.Auxv {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b, 0
}

// nameColumn is where names begin in maps: 25 + 6 words on 64-bit machines, less one blank.
const nameColumn = 73

// showMaps is /proc/PID/maps.
func showMaps(r *request) ([]byte, unix.Errno) {
	m := r.t.Memory
	if m == nil || m.Regions == nil {
		return nil, 0
	}
	var b []byte
	for g := range m.Regions(false) {
		b = r.line(b, &g)
		if !r.grows(len(b)) {
			return nil, unix.ENOMEM
		}
	}
	return b, 0
}

// grows tells whether a text of n bytes may become longer.
func (r *request) grows(n int) bool {
	const much = 64 << 10
	return n < much || r.fs.v.RoomFor(2*uint64(n)) // when it is moved to where there is room for it
}

// line is one region's line of maps.
func (r *request) line(b []byte, g *Region) []byte {
	flag := func(on bool, c byte) byte {
		if on {
			return c
		}
		return '-'
	}
	start := len(b)
	share := byte('p')
	if g.Shared {
		share = 's'
	}
	var dev, ino uint64
	name := g.Name
	if g.File != nil {
		dev, ino = g.File.Inode.Super.Dev, g.File.Inode.Ino
		name = strings.ReplaceAll(r.fs.v.AbsoluteName(g.File.Path), "\n", "\\012")
	}
	b = fmt.Appendf(b, "%08x-%08x %c%c%c%c %08x %02x:%02x %d ", g.Start, g.End,
		flag(g.Read, 'r'), flag(g.Write, 'w'), flag(g.Execute, 'x'), share,
		g.Offset, unix.Major(dev), unix.Minor(dev), ino)
	if name != "" {
		for len(b)-start < nameColumn {
			b = append(b, ' ')
		}
		b = append(b, name...)
	}
	return append(b, '\n')
}

// showSmaps is /proc/PID/smaps: what is known of each region. How many processes share a page is
// not, so there are no proportional sizes.
func showSmaps(r *request) ([]byte, unix.Errno) {
	m := r.t.Memory
	if m == nil || m.Regions == nil {
		return nil, 0
	}
	const kib = 1024
	var b []byte
	for g := range m.Regions(true) {
		if !r.grows(len(b)) {
			return nil, unix.ENOMEM
		}
		b = r.line(b, &g)
		resident := g.Own + g.Others
		locked := uint64(0)
		if g.Locked {
			locked = resident
		}
		for _, f := range []struct {
			name string
			kib  uint64
		}{
			{"Size:", (g.End - g.Start) / kib}, {"KernelPageSize:", pageSize / kib}, {"MMUPageSize:", pageSize / kib},
			{"Rss:", resident * pageSize / kib}, {"Shared_Clean:", g.Others * pageSize / kib}, {"Shared_Dirty:", 0},
			{"Private_Clean:", 0}, {"Private_Dirty:", g.Own * pageSize / kib}, {"Anonymous:", g.Own * pageSize / kib},
			{"Swap:", 0}, {"Locked:", locked * pageSize / kib},
		} {
			b = fmt.Appendf(b, "%-16s%8d kB\n", f.name, f.kib)
		}
		b = fmt.Appendf(b, "VmFlags: %s \n", strings.Join(g.Flags, " "))
	}
	return b, 0
}

// memFile is /proc/PID/mem: the position is an address. The one who opened it keeps access
// to this address space, but not to that of a program the process executes later.
type memFile struct {
	vfs.FileBase
	n *node
}

// openMem remembers in File.Key1 which address space it was.
func openMem(r *request, f *vfs.File) unix.Errno {
	if r.t != nil {
		f.Key1 = 0
		if r.t.Memory != nil {
			f.Key1 = r.t.Memory.ID
		}
	}
	f.Ops = memFile{n: r.node}
	return 0
}

// memory is the address space behind an open mem file; nil when it is gone.
func (o memFile) memory(c *vfs.Context, f *vfs.File) *Memory {
	r, e := o.n.request(c)
	if e != 0 || r.t.Memory == nil || r.t.Memory.ID != f.Key1 {
		return nil
	}
	return r.t.Memory
}

// Read implements vfs.FileOps. EIO where nothing is mapped.
func (o memFile) Read(c *vfs.Context, f *vfs.File, io *usermem.IO, off int64) (int, unix.Errno) {
	return o.move(c, f, io, off, ipc.Read, func(p []byte) (int, unix.Errno) { return io.Put(p) })
}

// Write implements vfs.FileOps.
func (o memFile) Write(c *vfs.Context, f *vfs.File, io *usermem.IO, off int64) (int, unix.Errno) {
	return o.move(c, f, io, off, ipc.Write, func(p []byte) (int, unix.Errno) { return io.Take(p) })
}

// memChunk is how much moves at once: through a buffer, for the two address spaces
// may be the same or change each other's pages.
const memChunk = 4096

func (o memFile) move(c *vfs.Context, f *vfs.File, io *usermem.IO, off int64, access ipc.Access, copyPart func([]byte) (int, unix.Errno)) (int, unix.Errno) {
	m := o.memory(c, f)
	if m == nil {
		return 0, 0
	}
	var buf [memChunk]byte
	done := 0
	for n := io.Len(); n > 0; n = io.Len() {
		p := buf[:min(n, memChunk)]
		va := uint64(off) + uint64(done)
		var k int
		var e unix.Errno
		if access == ipc.Read {
			k, e = usermem.CopyIn(m.Forced, p, va)
			if k > 0 {
				k, e = copyPart(p[:k])
			} else if e != 0 {
				e = unix.EIO
			}
		} else {
			k, e = copyPart(p)
			if k > 0 {
				if k, e = usermem.CopyOut(m.Forced, va, p[:k]); k == 0 && e != 0 {
					e = unix.EIO
				}
			}
		}
		done += k
		if e != 0 || k < len(p) {
			if done > 0 {
				e = 0
			}
			return done, e
		}
	}
	return done, 0
}

// Seek implements vfs.FileOps: addresses may be anything.
func (memFile) Seek(_ *vfs.Context, f *vfs.File, off int64, whence int) (int64, unix.Errno) {
	switch whence {
	case unix.SEEK_SET:
		return off, 0
	case unix.SEEK_CUR:
		return f.Pos + off, 0
	}
	return 0, unix.EINVAL
}
