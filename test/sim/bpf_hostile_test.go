package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// hostileBPF makes n calls of bpf(2) and of events at random: commands that there are and that there are not, with
// attributes that are right here and there. Descriptors that come of it are used by the next.
func hostileBPF(p *kernel.Prog, r *rand.Rand, n int) {
	const size, attrSize, programAt, holes = 8 * page, 168, 3 * page, 7 * page
	memory := uint64(p.Syscall(unix.SYS_MMAP, 0, size, rw, private, noFile, 0))
	p.Syscall(unix.SYS_MUNMAP, memory+holes, page)
	const license, path = 6 * page, 6*page + 64
	p.Set(memory+license, []byte("GPL\x00"))
	p.Set(memory+path, []byte("/bin/init\x00"))
	var open []uint64
	fd := func() uint64 {
		if len(open) > 0 && r.IntN(8) > 0 {
			return open[r.IntN(len(open))]
		}
		return uint64(r.IntN(12))
	}
	pointer := func() uint64 {
		switch r.IntN(8) {
		case 0:
			return memory + holes - uint64(r.IntN(16))
		case 1:
			return uint64(r.IntN(2)) * r.Uint64()
		}
		return memory + 2*page + uint64(r.IntN(64))*8
	}
	little := func() uint64 { return []uint64{0, 0, 1, 2, 3, 4, 8, 9, 16, 64, 4096, 1 << 20, 1<<32 - 1}[r.IntN(13)] }
	word := func() uint64 {
		switch r.IntN(6) {
		case 0:
			return pointer()
		case 1:
			return fd() | little()<<32
		case 2:
			return r.Uint64()
		}
		return little() | little()<<32
	}
	made, last := map[string]int{}, map[string]uint64{}
	// of is a descriptor of a kind, most often.
	of := func(what string) uint64 {
		if r.IntN(5) == 0 {
			return fd()
		}
		return last[what]
	}
	keep := func(what string, got int64) {
		if got > 2 && got < 1024 {
			open = append(open, uint64(got))
			made[what]++
			last[what] = uint64(got)
		}
		if len(open) > 40 || r.IntN(30) == 0 && len(open) > 0 {
			i := r.IntN(len(open))
			p.Syscall(unix.SYS_CLOSE, open[i])
			open = append(open[:i], open[i+1:]...)
		}
	}
	call := func(command uint64, words ...uint64) int64 {
		for i := range uint64(attrSize / 8) {
			w := uint64(0)
			if i < uint64(len(words)) {
				w = words[i]
			}
			if r.IntN(300) == 0 {
				w = word()
			}
			p.Store64(memory+8*i, w)
		}
		length := uint64(attrSize)
		if r.IntN(8) == 0 {
			length = uint64(r.IntN(200))
		}
		return p.Syscall(unix.SYS_BPF, command, memory, length)
	}
	// A program that is right: some of its words are changed at random.
	code := []uint64{ins(0x62, 10, 0, -4, 0), ins(0xbf, 2, 10, 0, 0), ins(0x07, 2, 0, 0, -4), ins(0x18, 1, 1, 0, 0), 0, ins(0x85, 0, 0, 0, 1),
		ins(0x15, 0, 0, 2, 0), ins(0xb7, 1, 0, 0, 1), ins(0xdb, 0, 1, 0, 0), ins(0xb7, 0, 0, 0, 0), ins(0x95, 0, 0, 0, 0)}
	for range n {
		switch r.IntN(9) {
		case 0:
			kind := []uint64{1, 2, 4, 5, 6, 27}[r.IntN(6)]
			keys := map[uint64][2]uint64{1: {8, 8}, 5: {4, 12}, 27: {0, 0}}
			s, ok := keys[kind]
			if !ok {
				s = [2]uint64{4, 8}
			}
			if kind == 4 {
				s[1] = 4
			}
			entries := uint64(4)
			if kind == 27 {
				entries = 4096
			}
			keep("map", call(unix.BPF_MAP_CREATE, kind|s[0]<<32, s[1]|entries<<32, 0))
		case 1:
			at := memory + programAt
			for i, c := range code {
				if i == 3 {
					c |= of("map") << 32
				}
				if r.IntN(60) == 0 {
					c ^= 1 << r.IntN(64)
				}
				p.Store64(at+uint64(8*i), c)
			}
			keep("program", call(unix.BPF_PROG_LOAD, unix.BPF_PROG_TYPE_KPROBE|uint64(len(code))<<32, at, memory+license, 0, 0, 0, 0, 0, []uint64{0, 48}[r.IntN(2)]<<32))
		case 2:
			places := memory + 5*page
			p.Store64(places, kernel.LeafOffset)
			p.Store64(places+8, kernel.PlainOffset)
			keep("link", call(unix.BPF_LINK_CREATE, of("program")|of("event")<<32, []uint64{41, 48, 48}[r.IntN(3)], memory+path, places, 0, 0, 1+little()%2|uint64(r.IntN(2))<<32, 0))
		case 3:
			keep("event", probe(p, "/bin/init", []uint64{kernel.LeafOffset, kernel.PlainOffset}[r.IntN(2)], uint64(r.IntN(2)), uint64(r.IntN(2)), -1))
		case 4:
			p.Syscall(unix.SYS_IOCTL, of("event"), []uint64{unix.PERF_EVENT_IOC_SET_BPF, unix.PERF_EVENT_IOC_ENABLE, unix.PERF_EVENT_IOC_DISABLE, unix.PERF_EVENT_IOC_QUERY_BPF}[r.IntN(4)], of("program"))
		case 5:
			call(uint64(1+r.IntN(4)), of("map"), pointer(), pointer(), little())
		case 6:
			call(unix.BPF_OBJ_GET_INFO_BY_FD, fd()|(little()+200)<<32, pointer())
		case 7:
			p.CallLeaf()
			p.CallPlain()
		default:
			keep("other", call(uint64(r.IntN(45)), word(), word(), word(), word(), word()))
		}
	}
	for _, f := range open {
		p.Syscall(unix.SYS_CLOSE, f)
	}
	for _, what := range []string{"map", "program", "link", "event"} {
		check(p, fmt.Sprintf("only %d of %s: nothing was tested", made[what], what), made[what] >= 5)
	}
}

// Random use of bpf(2) by one who may use it hurts nobody, can be handed over to another personality at any
// time, and leaves nothing.
func TestHostileBPF(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := Boot(t, Options{Config: kernel.Config{Seed: seed}})
			m.Program("/bin/init", func(p *kernel.Prog) {
				pid := p.Fork(func(p *kernel.Prog) {
					hostileBPF(p, rand.New(rand.NewPCG(seed, 5)), 1500)
				})
				_, status := wait(p, pid, 0)
				want(p, "its end", int64(status), 0)
				const links = 31 // BPF_LINK_GET_NEXT_ID
				for _, command := range []uint64{unix.BPF_PROG_GET_NEXT_ID, unix.BPF_MAP_GET_NEXT_ID, unix.BPF_BTF_GET_NEXT_ID, links} {
					want(p, fmt.Sprintf("something is left, command %d", command), bpf(p, command, 0, 0), fails(unix.ENOENT))
				}
				check(p, "a breakpoint is left", p.Load8(p.Leaf()) == 0x48)
				fd := probe(p, "/bin/init", kernel.LeafOffset, 0, 0, 0)
				p.CallLeaf()
				want(p, "a probe afterwards", int64(hits(p, fd)), 1)
			})
			m.EveryMessage(300)
			m.Run("/bin/init")
			m.Expect(Exited(0), "")
		})
	}
}
