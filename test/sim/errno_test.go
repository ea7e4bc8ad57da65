package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// model is what the arguments of a call mean: where memory is, who exists.
type model struct {
	page, readOnly uint64 // one page each, between pages that cannot be used; all zero
	me, child      int64
}

// can reports whether n bytes at va can be used; nobody maps the rest of what pointer draws.
func (m *model) can(va, n uint64, write bool) bool {
	in := func(start uint64) bool { return va >= start && va+n <= start+page && va+n >= va }
	return in(m.page) || !write && in(m.readOnly)
}

func (m *model) read(va, n uint64) unix.Errno  { return errIf(!m.can(va, n, false), unix.EFAULT) }
func (m *model) write(va, n uint64) unix.Errno { return errIf(!m.can(va, n, true), unix.EFAULT) }

// optional is EFAULT for a pointer that is not 0 and cannot be used.
func (m *model) optional(va, n uint64, write bool) unix.Errno {
	return errIf(va != 0 && !m.can(va, n, write), unix.EFAULT)
}

func errIf(wrong bool, e unix.Errno) unix.Errno {
	if wrong {
		return e
	}
	return 0
}

// first is the first failure.
func first(list ...unix.Errno) unix.Errno {
	for _, e := range list {
		if e != 0 {
			return e
		}
	}
	return 0
}

func (m *model) pointer(r *rand.Rand) uint64 {
	switch r.IntN(10) {
	case 0:
		return 0
	case 1:
		return m.readOnly + uint64(r.IntN(64))*8
	case 2:
		return m.page + page - uint64(r.IntN(40)) // the end is inside
	case 3:
		return m.page - page + uint64(r.IntN(page))
	case 4:
		return 1<<47 - uint64(r.IntN(page))
	case 5:
		return 0xffff_8000_0000_0000 + r.Uint64()>>20
	case 6:
		return ^uint64(0) - uint64(r.IntN(64))
	}
	return m.page + uint64(r.IntN(64))*8
}

// process draws the number of a process: there or not, of any kind.
func (m *model) process(r *rand.Rand) uint64 {
	return []uint64{uint64(m.me), uint64(m.child), 29999, 0, ^uint64(0) - 29998, 1 << 31, uint64(m.me) | 1<<40}[r.IntN(7)]
}

func (m *model) exists(pid int32) bool { return int64(pid) == m.me || int64(pid) == m.child }

// number draws a signal: harmless ones, and none.
func number(r *rand.Rand) uint64 {
	return []uint64{0, uint64(unix.SIGCHLD), uint64(unix.SIGURG), uint64(unix.SIGWINCH), 65, 1 << 31, ^uint64(0), 1 << 32, uint64(unix.SIGKILL) + 64}[r.IntN(9)]
}

func little(r *rand.Rand) uint64 {
	return []uint64{0, 1, 2, 3, 7, 8, 9, 24, 1 << 31, 1 << 32, ^uint64(0)}[r.IntN(11)]
}

func badSignal(n uint64) unix.Errno { return errIf(int32(n) < 0 || int32(n) > 64, unix.EINVAL) }

const (
	badArgument = unix.EINVAL
	noProcess   = unix.ESRCH
)

// modelled is a call, how its arguments are drawn, and what Linux answers: the checks in
// the order of its source.
var modelled = []struct {
	name string
	nr   uintptr
	args func(m *model, r *rand.Rand) []uint64
	want func(m *model, a []uint64) unix.Errno
}{
	{"kill", unix.SYS_KILL,
		func(m *model, r *rand.Rand) []uint64 { return []uint64{m.process(r), number(r)} },
		func(m *model, a []uint64) unix.Errno {
			pid := int32(a[0])
			return first(errIf(pid != 0 && !m.exists(pid), noProcess), badSignal(a[1]))
		}},
	{"tkill", unix.SYS_TKILL,
		func(m *model, r *rand.Rand) []uint64 { return []uint64{m.process(r), number(r)} },
		func(m *model, a []uint64) unix.Errno {
			return first(errIf(int32(a[0]) <= 0, badArgument), errIf(!m.exists(int32(a[0])), noProcess), badSignal(a[1]))
		}},
	{"tgkill", unix.SYS_TGKILL,
		func(m *model, r *rand.Rand) []uint64 { return []uint64{m.process(r), m.process(r), number(r)} },
		func(m *model, a []uint64) unix.Errno {
			return first(errIf(int32(a[0]) <= 0 || int32(a[1]) <= 0, badArgument),
				errIf(!m.exists(int32(a[1])) || int32(a[0]) != int32(a[1]), noProcess), badSignal(a[2]))
		}},
	{"rt_sigaction", unix.SYS_RT_SIGACTION,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{[]uint64{0, 9, 19, 23, 28, 64, 65, ^uint64(0)}[r.IntN(8)], m.pointer(r), m.pointer(r), []uint64{8, 8, 8, 0, 16}[r.IntN(5)]}
		},
		func(m *model, a []uint64) unix.Errno {
			n := int32(a[0])
			return first(errIf(a[3] != 8, badArgument), m.optional(a[1], 32, false),
				errIf(n < 1 || n > 64 || a[1] != 0 && (n == 9 || n == 19), badArgument), m.optional(a[2], 32, true))
		}},
	{"rt_sigprocmask", unix.SYS_RT_SIGPROCMASK,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{little(r), m.pointer(r), m.pointer(r), []uint64{8, 8, 8, 0, 16}[r.IntN(5)]}
		},
		func(m *model, a []uint64) unix.Errno {
			return first(errIf(a[3] != 8, badArgument), m.optional(a[1], 8, false),
				errIf(a[1] != 0 && uint32(a[0]) > 2, badArgument), m.optional(a[2], 8, true))
		}},
	{"rt_sigpending", unix.SYS_RT_SIGPENDING,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{m.pointer(r), []uint64{8, 4, 9, 1 << 40}[r.IntN(4)]}
		},
		func(m *model, a []uint64) unix.Errno { return first(errIf(a[1] > 8, badArgument), m.write(a[0], a[1])) }},
	{"rt_sigtimedwait", unix.SYS_RT_SIGTIMEDWAIT,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{m.pointer(r), m.pointer(r), m.pointer(r) | 8, []uint64{8, 8, 8, 0, 16}[r.IntN(5)]}
		},
		func(m *model, a []uint64) unix.Errno {
			return first(errIf(a[3] != 8, badArgument), m.read(a[0], 8), m.read(a[2], 16), unix.EAGAIN)
		}},
	{"sigaltstack", unix.SYS_SIGALTSTACK,
		func(m *model, r *rand.Rand) []uint64 { return []uint64{m.pointer(r), m.pointer(r)} },
		func(m *model, a []uint64) unix.Errno {
			// No bytes are too small a stack.
			return first(m.optional(a[0], 24, false), errIf(a[0] != 0, unix.ENOMEM), m.optional(a[1], 24, true))
		}},
	{"rt_sigqueueinfo", unix.SYS_RT_SIGQUEUEINFO,
		func(m *model, r *rand.Rand) []uint64 { return []uint64{m.process(r), number(r), m.pointer(r)} },
		func(m *model, a []uint64) unix.Errno {
			pid := int32(a[0])
			return first(m.read(a[2], 128), errIf(int64(pid) != m.me, unix.EPERM), badSignal(a[1]))
		}},
	{"rt_tgsigqueueinfo", unix.SYS_RT_TGSIGQUEUEINFO,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{m.process(r), m.process(r), number(r), m.pointer(r)}
		},
		func(m *model, a []uint64) unix.Errno {
			return first(m.read(a[3], 128), errIf(int32(a[0]) <= 0 || int32(a[1]) <= 0, badArgument),
				errIf(int64(int32(a[1])) != m.me, unix.EPERM), errIf(int32(a[0]) != int32(a[1]), noProcess), badSignal(a[2]))
		}},
	{"pidfd_open", unix.SYS_PIDFD_OPEN,
		func(m *model, r *rand.Rand) []uint64 { return []uint64{m.process(r), little(r)} },
		func(m *model, a []uint64) unix.Errno {
			return first(errIf(uint32(a[1])&^unix.O_NONBLOCK != 0 || int32(a[0]) <= 0, badArgument), errIf(!m.exists(int32(a[0])), noProcess))
		}},
	{"setitimer", unix.SYS_SETITIMER,
		func(m *model, r *rand.Rand) []uint64 { return []uint64{little(r), m.pointer(r), m.pointer(r)} },
		func(m *model, a []uint64) unix.Errno {
			return first(m.optional(a[1], 32, false), errIf(uint32(a[0]) > 2, badArgument), m.optional(a[2], 32, true))
		}},
	{"getitimer", unix.SYS_GETITIMER,
		func(m *model, r *rand.Rand) []uint64 { return []uint64{little(r), m.pointer(r)} },
		func(m *model, a []uint64) unix.Errno {
			return first(errIf(uint32(a[0]) > 2, badArgument), m.write(a[1], 32))
		}},
	{"timer_create", unix.SYS_TIMER_CREATE,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{[]uint64{0, 1, 4, 5, 12, 99}[r.IntN(6)], m.pointer(r), m.pointer(r)}
		},
		func(m *model, a []uint64) unix.Errno {
			return first(m.optional(a[1], 64, false), errIf(a[0] > 11, badArgument), errIf(a[0] > 1, unix.EOPNOTSUPP),
				errIf(a[1] != 0, badArgument), m.write(a[2], 4)) // signal 0
		}},
	{"timer_settime", unix.SYS_TIMER_SETTIME,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{5000 + little(r), little(r), m.pointer(r), m.pointer(r)}
		},
		func(m *model, a []uint64) unix.Errno {
			return first(errIf(a[2] == 0, badArgument), m.read(a[2], 32), badArgument)
		}},
	{"timer_gettime", unix.SYS_TIMER_GETTIME,
		func(m *model, r *rand.Rand) []uint64 { return []uint64{5000 + little(r), m.pointer(r)} },
		func(m *model, a []uint64) unix.Errno { return badArgument }},
	{"futex wait", unix.SYS_FUTEX,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{m.pointer(r) + uint64(r.IntN(2)), uint64(r.IntN(2)) * futexPrivate, 1, m.pointer(r)}
		},
		func(m *model, a []uint64) unix.Errno {
			// Pages of one's own that nobody can write are no place to wait, but for a private futex.
			return first(m.optional(a[3], 16, false), errIf(a[0]&3 != 0, badArgument), m.read(a[0], 4),
				errIf(a[1] == 0 && !m.can(a[0], 4, true), unix.EFAULT), unix.EAGAIN)
		}},
	{"futex wake", unix.SYS_FUTEX,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{m.pointer(r) + uint64(r.IntN(2)), futexWake | uint64(r.IntN(2))*futexPrivate, little(r)}
		},
		func(m *model, a []uint64) unix.Errno {
			return first(errIf(a[0]&3 != 0, badArgument), errIf(a[0] >= 1<<47-page, unix.EFAULT),
				errIf(a[1]&futexPrivate == 0 && !m.can(a[0], 4, true), unix.EFAULT))
		}},
	{"futex command", unix.SYS_FUTEX,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{m.page, uint64(14+r.IntN(100)) | 256*uint64(r.IntN(2)), 0, 0}
		},
		func(m *model, a []uint64) unix.Errno { return unix.ENOSYS }},
	{"set_robust_list", unix.SYS_SET_ROBUST_LIST,
		func(m *model, r *rand.Rand) []uint64 { return []uint64{0, little(r)} },
		func(m *model, a []uint64) unix.Errno { return errIf(a[1] != 24, badArgument) }},
	{"get_robust_list", unix.SYS_GET_ROBUST_LIST,
		func(m *model, r *rand.Rand) []uint64 { return []uint64{m.process(r), m.pointer(r), m.pointer(r)} },
		func(m *model, a []uint64) unix.Errno {
			pid := int32(a[0])
			return first(errIf(pid != 0 && !m.exists(pid), noProcess), m.write(a[2], 8), m.write(a[1], 8))
		}},
	{"wait4", unix.SYS_WAIT4,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{[]uint64{uint64(m.child), 29999, 1 << 31}[r.IntN(3)], m.pointer(r), little(r) | unix.WNOHANG, m.pointer(r)}
		},
		func(m *model, a []uint64) unix.Errno {
			const known = unix.WNOHANG | unix.WUNTRACED | unix.WCONTINUED | unix.WNOTHREAD | unix.WCLONE | unix.WALL
			cloned := uint32(a[2])&(unix.WCLONE|unix.WALL) == unix.WCLONE
			return first(errIf(uint32(a[2])&^uint32(known) != 0, badArgument), errIf(int32(a[0]) == -1<<31, noProcess),
				errIf(int64(int32(a[0])) != m.child || cloned, unix.ECHILD))
		}},
	{"ptrace", unix.SYS_PTRACE,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{[]uint64{1, 2, 7, 8, 12, 17, 24, 99, 0x4200, 0x4202, 0x4207, 0x420e, ^uint64(0)}[r.IntN(13)], m.process(r), m.pointer(r), m.pointer(r)}
		},
		func(m *model, a []uint64) unix.Errno { return noProcess }}, // there, but not traced
	{"seccomp", unix.SYS_SECCOMP,
		func(m *model, r *rand.Rand) []uint64 {
			return []uint64{[]uint64{2, 3, 4, 99, 1 << 31}[r.IntN(5)], uint64(r.IntN(2)) * 4, m.pointer(r)}
		},
		func(m *model, a []uint64) unix.Errno {
			switch a[0] {
			case unix.SECCOMP_GET_ACTION_AVAIL:
				return first(errIf(a[1] != 0, badArgument), m.read(a[2], 4))
			case unix.SECCOMP_GET_NOTIF_SIZES:
				return first(errIf(a[1] != 0, badArgument), m.write(a[2], 6))
			}
			return badArgument
		}},
	{"rseq", unix.SYS_RSEQ,
		func(m *model, r *rand.Rand) []uint64 {
			a := []uint64{m.pointer(r), []uint64{little(r), rseqSize, rseqSize | 1<<32, 2 * page}[r.IntN(4)], little(r) & 8, little(r)}
			if r.IntN(2) == 0 {
				a[0] &^= rseqSize - 1
			}
			if uint32(a[1]) >= rseqSize && a[0]%rseqSize == 0 && m.can(a[0], rseqSize, false) {
				a[2] = rseqLeave // and not what would succeed
			}
			return a
		},
		func(m *model, a []uint64) unix.Errno {
			return first(errIf(a[2] != 0, badArgument), errIf(uint32(a[1]) < rseqSize || a[0]%rseqSize != 0, badArgument), unix.EFAULT)
		}},
}

// modelMemory maps the pages of the model between unusable ones.
func modelMemory(p *kernel.Prog, m *model) {
	at := uint64(ok(p, "mmap", p.Syscall(unix.SYS_MMAP, 0, 5*page, unix.PROT_NONE, private, noFile, 0)))
	m.page, m.readOnly = at+page, at+3*page
	ok(p, "page", p.Syscall(unix.SYS_MPROTECT, m.page, page, rw))
	ok(p, "read only", p.Syscall(unix.SYS_MPROTECT, m.readOnly, page, unix.PROT_READ))
}

// Every call about signals, timers, futexes, tracing and filters answers hostile arguments with
// the errno that Linux gives, of several that apply the one that it looks for first.
func TestErrnoModel(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := Boot(t, Options{Config: kernel.Config{Seed: seed}})
			m.Program("/bin/init", func(p *kernel.Prog) {
				r := rand.New(rand.NewPCG(seed, 0))
				w := &model{me: getpid(p)}
				w.child = p.Fork(func(p *kernel.Prog) {
					for {
						sleep(p, 10e6)
					}
				})
				modelMemory(p, w)
				zero := make([]byte, page)
				for range 3000 {
					c := &modelled[r.IntN(len(modelled))]
					a := c.args(w, r)
					p.Set(w.page, zero)
					got, expected := p.Syscall(c.nr, a...), c.want(w, a)
					if got >= 0 && c.nr == unix.SYS_PIDFD_OPEN {
						p.Syscall(unix.SYS_CLOSE, uint64(got))
					}
					if got == 0 && c.nr == unix.SYS_TIMER_CREATE {
						p.Syscall(unix.SYS_TIMER_DELETE, uint64(p.Load32(a[2])))
					}
					p.Scratch(func() { want(p, fmt.Sprintf("%s%#x", c.name, a), min(got, 0), fails(expected)) })
				}
				want(p, "kill", kill(p, w.child, unix.SIGKILL), 0)
				_, status := wait(p, w.child, 0)
				want(p, "status", int64(status), int64(killed(unix.SIGKILL)))
			})
			m.Run("/bin/init")
			m.Expect(Exited(0), "")
		})
	}
}
