package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
	"starling/personality/vfs/sysfs"
)

// attempt is one perf_event_open(2) with something wrong in it, or several things, or nothing.
type attempt struct {
	flags, attr, size      uint64
	kind, config, period   uint64
	samples, formats, bits uint64
	path, reserved         uint64
	pid, cpu, group        int64
	readable, tail         bool // the attributes can be read; what is behind the known ones is zero
	file                   *probedFile
	process, groupIsEvent  bool
}

// probedFile is a file and what a probe in it is answered with, by offset.
type probedFile struct {
	name  string
	errno unix.Errno // of the file itself
}

var probedFiles = []probedFile{
	{"/bin/init", 0}, {"/bin/init", 0}, {"/bin/init", 0}, {"/bin/none", unix.ENOENT}, {"/bin", unix.EINVAL}, {"", unix.EINVAL},
	{"/tmp/text", unix.ENOEXEC}, {"/bin/init/x", unix.ENOTDIR},
}

var probedOffsets = []struct {
	offset uint64
	errno  unix.Errno
}{
	{kernel.LeafOffset, 0}, {kernel.LeafOffset, 0}, {kernel.PlainOffset, 0}, {kernel.LeafOffset + 9, 524},
	{kernel.LeafOffset + 0x1000, unix.EINVAL}, {0, 0}, {1 << 40, unix.EINVAL}, {^uint64(0), unix.EINVAL},
}

// want is what Linux answers: its checks in their order (kernel/events/core.c, trace_uprobe.c), and then those
// that are ours: samples, places that are no code.
func (a *attempt) want(offsetErrno unix.Errno) unix.Errno {
	const knownSize = 136
	return first(
		errIf(a.flags&^15 != 0, unix.EINVAL),
		errIf(!a.readable, unix.EFAULT),
		errIf(a.size != 0 && a.size < 64 || a.size > 4096 || a.size > knownSize && !a.tail, unix.E2BIG),
		errIf(a.bits>>38 != 0 || a.reserved != 0 || a.samples>>25 != 0 || a.formats>>5 != 0 || a.formats&8 != 0, unix.EINVAL),
		errIf(a.flags&4 != 0, unix.EINVAL),
		errIf(a.group != -1 && !a.groupIsEvent, unix.EBADF),
		errIf(a.group != -1, unix.EINVAL),
		errIf(a.pid != -1 && !a.process, unix.ESRCH),
		errIf(a.cpu != 0 && (a.cpu != -1 || a.pid == -1), unix.EINVAL),
		errIf(a.kind != sysfs.UprobeType, unix.ENOENT),
		errIf(a.period != 0 || a.bits&(1<<10) != 0, unix.EOPNOTSUPP),
		errIf(a.config&0xfffffffe != 0 || a.config>>32%2 != 0, unix.EINVAL),
		errIf(a.file == nil, unix.EFAULT),
		func() unix.Errno { // not looked at when there is no name
			if a.file == nil {
				return 0
			}
			return a.file.errno
		}(),
		offsetErrno)
}

func oneOf[T any](r *rand.Rand, usual T, others ...T) T {
	if n := r.IntN(12 + len(others)); n < len(others) {
		return others[n]
	}
	return usual
}

// perf_event_open(2) with hostile attributes answers what the model of Linux's checks says.
func TestPerfEventErrnos(t *testing.T) {
	m := Boot(t, Options{Config: kernel.Config{Seed: 7}})
	m.Program("/bin/init", func(p *kernel.Prog) {
		text := ok(p, "file", open(p, "/tmp/text", unix.O_CREAT|unix.O_RDWR, 0o755))
		write(p, uint64(text), "#!/bin/sh\n")
		dead := p.Fork(func(p *kernel.Prog) {})
		wait(p, dead, 0)
		event := probe(p, "/bin/init", kernel.PlainOffset, 0, 0, 0)
		memory := uint64(p.Syscall(unix.SYS_MMAP, 0, 4*page, rw, private, noFile, 0))
		p.Syscall(unix.SYS_MUNMAP, memory+3*page, page)
		r := rand.New(rand.NewPCG(7, 7))
		opened := 0
		for i := range 4000 {
			a := attempt{kind: oneOf[uint64](r, sysfs.UprobeType, 0, 1, 2, 99), size: oneOf[uint64](r, 136, 0, 64, 63, 72, 137, 200, 4096, 4097, 1<<31),
				flags: oneOf[uint64](r, 8, 0, 1, 2, 4, 16, 1<<40), config: oneOf[uint64](r, 0, 1, 2, 1<<32, 1<<33, 1<<63),
				period: oneOf[uint64](r, 0, 1), samples: oneOf[uint64](r, 0, 1<<10, 1<<25, 1<<63), formats: oneOf[uint64](r, 0, 1, 23, 8, 32),
				bits: oneOf[uint64](r, 0, 1, 1<<1, 1<<12, 1<<37, 1<<38, 1<<10, 1<<63), reserved: oneOf[uint64](r, 0, 1), pid: oneOf(r, 0, -1, int64(dead), 29999, -2),
				cpu: oneOf[int64](r, -1, 0, 1, -2, 1<<20), group: oneOf[int64](r, -1, event, text, 900), tail: true}
			a.process, a.groupIsEvent = a.pid == 0, a.group == event
			o := probedOffsets[r.IntN(len(probedOffsets))]
			f := &probedFiles[r.IntN(len(probedFiles))]
			p.Scratch(func() {
				if a.file = f; r.IntN(20) == 0 {
					a.file, a.path = nil, memory+3*page
				} else {
					a.path = p.Text(f.name)
				}
				a.attr = memory
				for _, w := range []struct{ at, v uint64 }{{0, a.kind | a.size<<32}, {8, a.config}, {16, a.period}, {24, a.samples}, {32, a.formats},
					{40, a.bits}, {48, 0}, {56, a.path}, {64, o.offset}, {104, a.reserved << 48}, {136, 0}} {
					p.Store64(memory+w.at, w.v)
				}
				a.readable = true
				if r.IntN(20) == 0 { // the size can be read, and not all of the rest
					a.attr, a.readable = memory+3*page-16, false
					p.Store64(a.attr, a.kind|136<<32)
					a.size = 136
				} else if a.size > 136 && a.size <= 4096 && r.IntN(2) == 0 {
					a.tail = false
					p.Store64(memory+136, 1)
				}
				if a.size == 64 || a.size == 0 { // the offset is not among the attributes of the first version
					o.offset, o.errno = 0, 0
					a.reserved = 0
				} else if a.size == 72 {
					a.reserved = 0
				}
				got := p.Syscall(unix.SYS_PERF_EVENT_OPEN, a.attr, uint64(a.pid), uint64(a.cpu), uint64(a.group), a.flags)
				if o.offset == kernel.PlainOffset && a.config>>32 != 0 {
					o.errno = unix.EINVAL // event has no counter there
				}
				if a.file != nil && f.errno == unix.ENOEXEC && o.offset > 10 {
					a.file = &probedFile{f.name, unix.EINVAL} // behind its end
				}
				expected := a.want(o.errno)
				if expected != 0 {
					want(p, fmt.Sprintf("%d: %+v, %+v at %#x", i, a, *f, o.offset), got, fails(expected))
				} else {
					check(p, fmt.Sprintf("%d: %+v is refused with %d", i, a, got), got >= 0)
					p.Syscall(unix.SYS_CLOSE, uint64(got))
					opened++
				}
			})
		}
		check(p, fmt.Sprintf("%d opened", opened), opened > 40)
		say(p, "done")
	})
	m.Run("/bin/init")
	m.Expect(Exited(0), "done\n")
}

// More events than there may be are refused, and those that there are work.
func TestTooManyProbes(t *testing.T) {
	m := Boot(t, Options{Config: kernel.Config{Seed: 8}})
	m.Program("/bin/init", func(p *kernel.Prog) {
		limit := p.Alloc(16)
		p.Store64(limit, 4096)
		p.Store64(limit+8, 4096)
		want(p, "prlimit", p.Syscall(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, limit, 0), 0)
		n, last := 0, int64(0)
		for {
			fd := probe(p, "/bin/init", kernel.LeafOffset, 0, 0, 0)
			if fd < 0 {
				want(p, "the last", fd, fails(unix.EMFILE))
				break
			}
			n, last = n+1, fd
		}
		p.CallLeaf()
		say(p, "%d, the last counts %d", n, hits(p, last))
		p.Syscall(unix.SYS_CLOSE, uint64(last))
		check(p, "one more", probe(p, "/bin/init", kernel.LeafOffset, 0, 0, 0) >= 0)
	})
	m.Run("/bin/init")
	m.Expect(Exited(0), "1024, the last counts 1\n")
}
