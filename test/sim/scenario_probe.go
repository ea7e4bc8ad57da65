package sim

import (
	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
	"starling/personality/vfs/sysfs"
)

// Events of perf_event_open(2) in scenarios: struct perf_event_attr, and ioctl(2) of events.
const (
	attrSize   = 72
	atReturn   = 1
	notEnabled = 1
)

// probe opens an event of the uprobe unit: pid as perf_event_open(2) has it.
func probe(p *kernel.Prog, file string, offset, config, bits uint64, pid int64) (fd int64) {
	p.Scratch(func() {
		cpu := uint64(0)
		if pid != -1 {
			cpu = ^uint64(0)
		}
		a := p.Alloc(attrSize)
		p.Store64(a, sysfs.UprobeType|attrSize<<32)
		p.Store64(a+8, config)
		p.Store64(a+40, bits)
		p.Store64(a+56, p.Text(file))
		p.Store64(a+64, offset)
		fd = p.Syscall(unix.SYS_PERF_EVENT_OPEN, a, uint64(pid), cpu, ^uint64(0), 0)
	})
	return fd
}

// hits reads the count of an event.
func hits(p *kernel.Prog, fd int64) (n uint64) {
	p.Scratch(func() {
		at := p.Alloc(8)
		want(p, "read of an event", p.Syscall(unix.SYS_READ, uint64(fd), at, 8), 8)
		n = p.Load64(at)
	})
	return n
}

func repeat(n int, f func()) {
	for range n {
		f()
	}
}

// bpf makes a bpf(2) call with attributes of words.
func bpf(p *kernel.Prog, command uint64, words ...uint64) (r int64) {
	p.Scratch(func() {
		a := p.Alloc(uint64(8 * len(words)))
		for i, w := range words {
			p.Store64(a+uint64(8*i), w)
		}
		r = p.Syscall(unix.SYS_BPF, command, a, uint64(8*len(words)))
	})
	return r
}

var errNotSupported = -int64(524) // ENOTSUPP

var probeScenarios = []Scenario{
	{Name: "probe: each call counts, of stepped and emulated instructions, and none after close", Output: "5 3\nstill 5\nend\n",
		Main: func(p *kernel.Prog) {
			leaf, plain := probe(p, "/bin/init", kernel.LeafOffset, 0, 0, -1), probe(p, "/bin/init", kernel.PlainOffset, 0, 0, 0)
			repeat(5, p.CallLeaf)
			repeat(3, p.CallPlain)
			say(p, "%d %d", hits(p, leaf), hits(p, plain))
			want(p, "DISABLE", p.Syscall(unix.SYS_IOCTL, uint64(leaf), unix.PERF_EVENT_IOC_DISABLE, 0), 0)
			repeat(2, p.CallLeaf)
			say(p, "still %d", hits(p, leaf))
			p.Syscall(unix.SYS_CLOSE, uint64(leaf))
			p.Syscall(unix.SYS_CLOSE, uint64(plain))
			check(p, "the breakpoint is gone", p.Load8(p.Leaf()) == 0x48)
			repeat(2, p.CallLeaf)
			repeat(2, p.CallPlain)
			say(p, "end")
		}},

	{Name: "probe: programs started later, forked children and threads are probed; the file is not changed", Output: "other\n0 0\n9 of 9\nold child 0\n",
		Programs: map[string]kernel.Program{"/bin/other": func(p *kernel.Prog) { p.CallLeaf(); p.CallLeaf(); p.Print(1, "other\n") }},
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			old := p.Fork(func(p *kernel.Prog) { read(p, r, 1); p.CallLeaf(); p.Exit(0) })
			fd, other := probe(p, "/bin/init", kernel.LeafOffset, 0, 0, -1), probe(p, "/bin/other", kernel.LeafOffset, 0, 0, -1)
			_, status := wait(p, p.Fork(func(p *kernel.Prog) {
				p.Syscall(unix.SYS_EXECVE, p.Text("/bin/other"), p.Vector("other"), p.Vector())
			}), 0)
			say(p, "%d %d", status, hits(p, other)-2)
			repeat(3, p.CallLeaf)
			wait(p, p.Fork(func(p *kernel.Prog) { repeat(2, p.CallLeaf) }), 0)
			done := p.Alloc(8)
			p.Thread(func(p *kernel.Prog) { repeat(4, p.CallLeaf); p.Store64(done, 1) })
			for p.Load64(done) == 0 {
				sleep(p, 1e5)
			}
			say(p, "%d of 9", hits(p, fd))
			p.Scratch(func() {
				f := open(p, "/bin/init", unix.O_RDONLY, 0)
				at := p.Alloc(8)
				p.Syscall(unix.SYS_PREAD64, uint64(f), at, 8, kernel.LeafOffset)
				check(p, "the file has the breakpoint", p.Load8(at) == 0x48)
				check(p, "the text has no breakpoint", p.Load8(p.Leaf()) == 0xcc)
				p.Syscall(unix.SYS_CLOSE, uint64(f))
			})
			p.Syscall(unix.SYS_CLOSE, uint64(fd))
			write(p, w, "x")
			_, status = wait(p, old, 0)
			say(p, "old child %d", status)
		}},

	{Name: "probe: an event of one process does not see others, whose breakpoints vanish", Output: "2 child 0\n",
		Main: func(p *kernel.Prog) {
			fd := probe(p, "/bin/init", kernel.LeafOffset, 0, 0, 0)
			repeat(2, p.CallLeaf)
			_, status := wait(p, p.Fork(func(p *kernel.Prog) { repeat(3, p.CallLeaf) }), 0)
			say(p, "%d child %d", hits(p, fd), status)
		}},

	{Name: "probe: returns are counted, next to the entry", Output: "4 4 4\n[uprobes]\n4\n",
		Main: func(p *kernel.Prog) {
			in, back := probe(p, "/bin/init", kernel.LeafOffset, 0, 0, -1), probe(p, "/bin/init", kernel.LeafOffset, atReturn, 0, -1)
			second := probe(p, "/bin/init", kernel.LeafOffset, atReturn, 0, -1)
			repeat(4, p.CallLeaf)
			say(p, "%d %d %d", hits(p, in), hits(p, back), hits(p, second))
			check(p, "no area in the maps", hasArea(p))
			say(p, "[uprobes]")
			p.Syscall(unix.SYS_CLOSE, uint64(back))
			p.Syscall(unix.SYS_CLOSE, uint64(in))
			p.Syscall(unix.SYS_CLOSE, uint64(second))
			repeat(2, p.CallLeaf)
			say(p, "4")
		}},

	{Name: "probe: a debugger's breakpoint at the same place is not seen, a step is", Output: "signal 5 behind\n2\nexited 0\n",
		Main: func(p *kernel.Prog) {
			fd := probe(p, "/bin/init", kernel.LeafOffset, 0, 0, -1)
			at := p.Leaf()
			pid := tracee(p, 0, func(p *kernel.Prog) { repeat(2, p.CallLeaf) })
			ok(p, "POKETEXT", trace(p, unix.PTRACE_POKETEXT, pid, at, 0x9008c48348cccccc))
			for peekUser(p, pid, userIP) != at+4 {
				cont(p, unix.PTRACE_SINGLESTEP, pid, 0)
				expect(p, pid, "signal 5")
			}
			say(p, "signal 5 behind")
			// The rest of the instruction was overwritten, too: it is the probe's copy that ran.
			ok(p, "POKETEXT", trace(p, unix.PTRACE_POKETEXT, pid, at, 0x08c4834808ec83cc))
			cont(p, unix.PTRACE_CONT, pid, 0)
			end := stopOf(p, pid)
			say(p, "%d\n%s", hits(p, fd), end)
		}},

	{Name: "probe: what cannot be probed is refused", Output: "refused\n",
		Main: func(p *kernel.Prog) {
			want(p, "no such file", probe(p, "/bin/none", kernel.LeafOffset, 0, 0, -1), fails(unix.ENOENT))
			want(p, "a directory", probe(p, "/bin", kernel.LeafOffset, 0, 0, -1), fails(unix.EINVAL))
			want(p, "data", probe(p, "/bin/init", kernel.LeafOffset+0x1000, 0, 0, -1), fails(unix.EINVAL))
			want(p, "past the end", probe(p, "/bin/init", 1<<40, 0, 0, -1), fails(unix.EINVAL))
			want(p, "a trap", probe(p, "/bin/init", kernel.LeafOffset+9, 0, 0, -1), errNotSupported)
			want(p, "unknown bits", probe(p, "/bin/init", kernel.LeafOffset, 2, 0, -1), fails(unix.EINVAL))
			want(p, "no such process", probe(p, "/bin/init", kernel.LeafOffset, 0, 0, 30000), fails(unix.ESRCH))
			want(p, "unknown command", bpf(p, 99, 0), fails(unix.EINVAL))
			want(p, "unknown map type", bpf(p, unix.BPF_MAP_CREATE, 999|4<<32, 4|1<<32, 0), fails(unix.EINVAL))
			say(p, "refused")
		}},

	{Name: "probe: a program counts in an array", Output: "7 in the array, 0 by the event\n",
		Main: func(p *kernel.Prog) {
			m := array(p)
			prog := counting(p, m, 0)
			fd := probe(p, "/bin/init", kernel.LeafOffset, 0, notEnabled, -1)
			want(p, "SET_BPF", p.Syscall(unix.SYS_IOCTL, uint64(fd), unix.PERF_EVENT_IOC_SET_BPF, uint64(prog)), 0)
			want(p, "SET_BPF again", p.Syscall(unix.SYS_IOCTL, uint64(fd), unix.PERF_EVENT_IOC_SET_BPF, uint64(prog)), fails(unix.EEXIST))
			want(p, "ENABLE", p.Syscall(unix.SYS_IOCTL, uint64(fd), unix.PERF_EVENT_IOC_ENABLE, 0), 0)
			p.Syscall(unix.SYS_CLOSE, uint64(prog))
			repeat(7, p.CallLeaf)
			say(p, "%d in the array, %d by the event", counted(p, m), hits(p, fd))
		}},

	{Name: "probe: programs send records to an event's buffer, whose reader is told of what was lost", Output: "3 of 24 bytes, 77\nready 1\nlost 30\nclosed\n",
		Main: func(p *kernel.Prog) {
			a := p.Alloc(attrSize)
			p.Store64(a, unix.PERF_TYPE_SOFTWARE|attrSize<<32)
			p.Store64(a+8, unix.PERF_COUNT_SW_BPF_OUTPUT)
			p.Store64(a+24, unix.PERF_SAMPLE_RAW)
			p.Store64(a+48, 1)
			open := func() int64 { return p.Syscall(unix.SYS_PERF_EVENT_OPEN, a, ^uint64(0), 0, ^uint64(0), 0) }
			event := ok(p, "output", open())
			want(p, "a mapping of three pages", p.Syscall(unix.SYS_MMAP, 0, 4*page, rw, unix.MAP_SHARED, uint64(event), 0), fails(unix.EINVAL))
			ring := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, 2*page, rw, unix.MAP_SHARED, uint64(event), 0)))
			m := ok(p, "map", bpf(p, unix.BPF_MAP_CREATE, unix.BPF_MAP_TYPE_PERF_EVENT_ARRAY|4<<32, 4|1<<32, 0))
			put := func(fd int64) (r int64) {
				p.Scratch(func() {
					at := p.Alloc(16)
					p.Store64(at+8, uint64(fd))
					r = bpf(p, unix.BPF_MAP_UPDATE_ELEM, uint64(m), at, at+8, 0)
				})
				return r
			}
			want(p, "a file that takes no records", put(1), fails(unix.EINVAL))
			want(p, "no file", put(999), fails(unix.EBADF))
			want(p, "put", put(event), 0)
			p.Syscall(unix.SYS_CLOSE, uint64(event)) // the array keeps it
			prog := load(p, 0,
				ins(0xbf, 6, 1, 0, 0), ins(0xb7, 2, 0, 0, 77), ins(0x7b, 10, 2, -8, 0), ins(0x18, 2, 1, 0, int32(m)), 0, ins(0xb4, 3, 0, 0, -1),
				ins(0xbf, 4, 10, 0, 0), ins(0x07, 4, 0, 0, -8), ins(0xb7, 5, 0, 0, 8), ins(0x85, 0, 0, 0, 25), ins(0xb7, 0, 0, 0, 0), ins(0x95, 0, 0, 0, 0))
			fd := probe(p, "/bin/init", kernel.LeafOffset, 0, 0, -1)
			want(p, "SET_BPF", p.Syscall(unix.SYS_IOCTL, uint64(fd), unix.PERF_EVENT_IOC_SET_BPF, uint64(prog)), 0)
			repeat(3, p.CallLeaf)
			const head, tail, record = 1024, 1032, 24
			n := p.Load64(ring+head) / record
			say(p, "%d of %d bytes, %d", n, p.Load64(ring+page)>>48, p.Load64(ring+page+12+record))
			again := ok(p, "another", open())
			p.Store64(ring+tail, p.Load64(ring+head))
			// The page has room for 170 of 200, and the next one tells of the rest.
			repeat(200, p.CallLeaf)
			say(p, "ready %d", p.Load64(ring+head)/record/170)
			p.Store64(ring+tail, p.Load64(ring+head))
			at := ring + page + p.Load64(ring+head)%page
			p.CallLeaf()
			say(p, "lost %d", p.Load64(ring+page+(at-ring-page+16)%page))
			p.Syscall(unix.SYS_CLOSE, uint64(m))
			before := p.Load64(ring + head)
			p.CallLeaf()
			check(p, "the array is closed", p.Load64(ring+head) == before)
			p.Syscall(unix.SYS_CLOSE, uint64(again))
			say(p, "closed")
		}},

	{Name: "probe: one link probes several places, for all and for one process", Output: "8 then 8\n3\n",
		Main: func(p *kernel.Prog) {
			m := array(p)
			prog := counting(p, m, uprobeMulti)
			create := func(offsets uint64, count uint64, pid uint64) int64 {
				return bpf(p, unix.BPF_LINK_CREATE, uint64(prog), uprobeMulti, p.Text("/bin/init"), offsets, 0, 0, count, pid)
			}
			offsets := p.Alloc(24)
			p.Store64(offsets, kernel.LeafOffset)
			p.Store64(offsets+8, kernel.PlainOffset)
			p.Store64(offsets+16, kernel.LeafOffset+0x1000)
			fd := ok(p, "link", create(offsets, 2, 0))
			repeat(5, p.CallLeaf)
			wait(p, p.Fork(func(p *kernel.Prog) { repeat(3, p.CallPlain) }), 0)
			before := counted(p, m)
			p.Syscall(unix.SYS_CLOSE, uint64(fd))
			repeat(2, p.CallPlain)
			say(p, "%d then %d", before, counted(p, m))

			pid := uint64(p.Syscall(unix.SYS_GETPID))
			fd = ok(p, "link", create(offsets, 1, pid))
			repeat(3, p.CallLeaf)
			wait(p, p.Fork(func(p *kernel.Prog) { repeat(3, p.CallLeaf) }), 0)
			say(p, "%d", counted(p, m)-8)

			want(p, "one of them is data", create(offsets, 3, 0), fails(unix.EINVAL))
			want(p, "no place", create(offsets, 0, 0), fails(unix.EINVAL))
			want(p, "too many places", create(offsets, 1<<20, 0), fails(unix.E2BIG))
			want(p, "places nowhere", create(8, 2, 0), fails(unix.EFAULT))
			want(p, "no such process", create(offsets, 2, 30000), fails(unix.ESRCH))
			event := probe(p, "/bin/init", kernel.PlainOffset, 0, 0, 0)
			want(p, "for an event", bpf(p, unix.BPF_LINK_CREATE, uint64(prog)|uint64(event)<<32, 41, 0), fails(unix.EINVAL))
			want(p, "the breakpoint of the first is there", int64(p.Load8(p.Leaf())), 0xcc)
			p.Syscall(unix.SYS_CLOSE, uint64(fd))
			want(p, "and gone", int64(p.Load8(p.Leaf())), 0x48)
		}},
}

// array makes an array with one element of 8 bytes.
func array(p *kernel.Prog) int64 {
	return ok(p, "map", bpf(p, unix.BPF_MAP_CREATE, unix.BPF_MAP_TYPE_ARRAY|4<<32, 8|1<<32, 0))
}

// ins is an instruction of bpf(2).
func ins(op, dst, src uint64, off int16, imm int32) uint64 {
	return op | dst<<8 | src<<12 | uint64(uint16(off))<<16 | uint64(uint32(imm))<<32
}

// load loads a program for an attach type.
func load(p *kernel.Prog, attachType uint64, code ...uint64) (prog int64) {
	p.Scratch(func() {
		at := p.Alloc(uint64(8 * len(code)))
		for i, c := range code {
			p.Store64(at+uint64(8*i), c)
		}
		// The attach type is behind name and device.
		prog = ok(p, "program", bpf(p, unix.BPF_PROG_LOAD, unix.BPF_PROG_TYPE_KPROBE|uint64(len(code))<<32, at, p.Text("GPL"), 0, 0, 0, 0, 0, attachType<<32))
	})
	return prog
}

// counting loads a program that adds one to the element of an array.
func counting(p *kernel.Prog, m int64, attachType uint64) int64 {
	return load(p, attachType,
		ins(0x62, 10, 0, -4, 0), ins(0xbf, 2, 10, 0, 0), ins(0x07, 2, 0, 0, -4),
		ins(0x18, 1, 1, 0, int32(m)), 0,
		ins(0x85, 0, 0, 0, 1), ins(0x15, 0, 0, 2, 0),
		ins(0xb7, 1, 0, 0, 1), ins(0xdb, 0, 1, 0, 0),
		ins(0xb7, 0, 0, 0, 0), ins(0x95, 0, 0, 0, 0))
}

// counted is the element of an array.
func counted(p *kernel.Prog, m int64) (n uint64) {
	p.Scratch(func() {
		key, value := p.Alloc(8), p.Alloc(8)
		want(p, "lookup", bpf(p, unix.BPF_MAP_LOOKUP_ELEM, uint64(m), key, value, 0), 0)
		n = p.Load64(value)
	})
	return n
}

// uprobeMulti is BPF_TRACE_UPROBE_MULTI.
const uprobeMulti = 48

// hasArea reports whether /proc/self/maps names the area of uprobes.
func hasArea(p *kernel.Prog) (found bool) {
	p.Scratch(func() {
		fd := open(p, "/proc/self/maps", unix.O_RDONLY, 0)
		text, _ := read(p, uint64(fd), 4096)
		p.Syscall(unix.SYS_CLOSE, uint64(fd))
		for i := 0; i+9 <= len(text); i++ {
			found = found || text[i:i+9] == "[uprobes]"
		}
	})
	return found
}
