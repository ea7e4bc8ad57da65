package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// times reads an itimerspec: interval and value in ns.
func times(p *kernel.Prog, at uint64) (interval, value int64) {
	return int64(p.Load64(at))*1e9 + int64(p.Load64(at+8)), int64(p.Load64(at+16))*1e9 + int64(p.Load64(at+24))
}

// twice is an itimerspec.
func twice(p *kernel.Prog, interval, value uint64) uint64 {
	at := p.Alloc(32)
	p.Store64(at, interval/1e9)
	p.Store64(at+8, interval%1e9)
	p.Store64(at+16, value/1e9)
	p.Store64(at+24, value%1e9)
	return at
}

// timer makes a POSIX timer that sends sig with a value.
func timer(p *kernel.Prog, id uint64, notify uint32, sig unix.Signal, value uint64) (number uint64, result int64) {
	event, at := p.Alloc(64), p.Alloc(8)
	p.Store64(event, value)
	p.Store32(event+8, uint32(sig))
	p.Store32(event+12, notify)
	result = p.Syscall(unix.SYS_TIMER_CREATE, id, event, at)
	return uint64(p.Load32(at)), result
}

// took is how long f takes, in ns.
func took(p *kernel.Prog, f func()) int64 {
	begin := clock(p, unix.CLOCK_MONOTONIC)
	f()
	return clock(p, unix.CLOCK_MONOTONIC) - begin
}

var timeScenarios = []Scenario{
	{Name: "timer slack lets a sleep wait for another one's end", Output: "50000 20000000 20000000\n", ByTheClock: true,
		Main: func(p *kernel.Prog) {
			const ms = 1e6
			get := func(p *kernel.Prog) int64 { return p.Syscall(unix.SYS_PRCTL, unix.PR_GET_TIMERSLACK) }
			set := func(p *kernel.Prog, ns uint64) {
				want(p, "PR_SET_TIMERSLACK", p.Syscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, ns), 0)
			}
			between := func(what string, low, high int64, f func()) {
				d := took(p, f)
				check(p, fmt.Sprintf("%s takes %d ns", what, d), d >= low && d < high)
			}
			first := get(p)
			between("alone", 1.05*ms, 9*ms, func() { sleep(p, 1*ms) })
			set(p, 20*ms)
			between("alone with much slack", 21*ms, 29*ms, func() { sleep(p, 1*ms) })
			word := p.Alloc(8)
			between("a futex", 21*ms, 29*ms, func() { p.Syscall(unix.SYS_FUTEX, word, futexWait, 0, span(p, 1*ms)) })
			between("a signal", 21*ms, 29*ms, func() { p.Syscall(unix.SYS_RT_SIGTIMEDWAIT, word, 0, span(p, 1*ms), 8) })
			between("poll", 21*ms, 29*ms, func() { p.Syscall(unix.SYS_POLL, 0, 0, 1) })
			inherited := int64(0)
			pid := p.Fork(func(p *kernel.Prog) {
				set(p, 1)
				set(p, 0)
				inherited = get(p)
				set(p, 1)
				sleep(p, 5*ms)
			})
			between("beside another one", 4*ms, 15*ms, func() { sleep(p, 1*ms) })
			wait(p, pid, 0)
			p.Store32(word, 1)
			want(p, "SCHED_FIFO", p.Syscall(unix.SYS_SCHED_SETSCHEDULER, 0, unix.SCHED_FIFO, word), 0)
			between("in real time", 1*ms, 15*ms, func() { sleep(p, 1*ms) })
			p.Store32(word, 0)
			want(p, "SCHED_OTHER", p.Syscall(unix.SYS_SCHED_SETSCHEDULER, 0, unix.SCHED_NORMAL, word), 0)
			say(p, "%d %d %d", first, get(p), inherited)
			set(p, 1)
			between("poll", 1001*ms, 1010*ms, func() { p.Syscall(unix.SYS_POLL, 0, 0, 1000) })
			want(p, "nice", p.Syscall(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, 5), 0)
			between("a nice poll", 1005*ms, 1014*ms, func() { p.Syscall(unix.SYS_POLL, 0, 0, 1000) })
		}},

	{Name: "a timerfd with the shortest interval leaves time for everybody", Output: "",
		Main: func(p *kernel.Prog) {
			timer := uint64(ok(p, "timerfd_create", p.Syscall(unix.SYS_TIMERFD_CREATE, unix.CLOCK_MONOTONIC, 0)))
			at := p.Alloc(32)
			p.Store64(at+8, 1)  // every nanosecond
			p.Store64(at+24, 1) // from the next on
			want(p, "timerfd_settime", p.Syscall(unix.SYS_TIMERFD_SETTIME, timer, 0, at, 0), 0)
			want(p, "sleep", sleep(p, 1_000_000), 0)
			for range 3 {
				want(p, "read", p.Syscall(unix.SYS_READ, timer, at, 8), 8)
			}
			want(p, "sleep", sleep(p, 1_000_000), 0)
			want(p, "read", p.Syscall(unix.SYS_READ, timer, at, 8), 8)
			check(p, "the periods are counted", p.Load64(at) >= 1_000_000)
		}},

	{Name: "every clock", Output: "done\n",
		Main: func(p *kernel.Prog) {
			at := p.Alloc(16)
			for _, id := range []int64{unix.CLOCK_REALTIME, unix.CLOCK_MONOTONIC, unix.CLOCK_PROCESS_CPUTIME_ID, unix.CLOCK_THREAD_CPUTIME_ID,
				unix.CLOCK_MONOTONIC_RAW, unix.CLOCK_REALTIME_COARSE, unix.CLOCK_MONOTONIC_COARSE, unix.CLOCK_BOOTTIME, unix.CLOCK_TAI,
				-6 /* the caller's process */, -2 /* the caller's thread */, ^getpid(p)<<3 | 2} {
				before := clock(p, uint64(id))
				p.Compute(5e6)
				d := clock(p, uint64(id)) - before
				check(p, fmt.Sprintf("clock %d went on %d ns", id, d), d >= 4e6 && d < 9e6)
				want(p, fmt.Sprint("clock_getres ", id), p.Syscall(unix.SYS_CLOCK_GETRES, uint64(id), at), 0)
			}
			for _, id := range []int64{10, 12, 99, ^int64(30000)<<3 | 2, -1} {
				want(p, fmt.Sprint("no clock ", id), p.Syscall(unix.SYS_CLOCK_GETTIME, uint64(id), at), fails(unix.EINVAL))
			}
			want(p, "fault", p.Syscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_REALTIME, 1), fails(unix.EFAULT))
			want(p, "set the monotonic clock", p.Syscall(unix.SYS_CLOCK_SETTIME, unix.CLOCK_MONOTONIC, span(p, 1)), fails(unix.EINVAL))
			want(p, "set a CPU clock", p.Syscall(unix.SYS_CLOCK_SETTIME, ^uint64(5), span(p, 1)), fails(unix.EPERM))
			wall := clock(p, unix.CLOCK_REALTIME)
			want(p, "set the clock", p.Syscall(unix.SYS_CLOCK_SETTIME, unix.CLOCK_REALTIME, span(p, uint64(wall)+7e9)), 0)
			d := clock(p, unix.CLOCK_REALTIME) - wall
			check(p, "seven seconds later", d >= 7e9 && d < 7.1e9)
			ok(p, "gettimeofday", p.Syscall(unix.SYS_GETTIMEOFDAY, at, 0))
			d = int64(p.Load64(at))*1e9 + int64(p.Load64(at+8))*1e3 - wall
			check(p, "gettimeofday agrees", d >= 7e9 && d < 7.1e9)
			p.Print(1, "done\n")
		}},

	{Name: "errors of every clock", Output: "done\n", Main: errorsOfClocks},

	{Name: "a sleep until a date follows the clock", Output: "awake\n",
		Main: func(p *kernel.Prog) {
			date := uint64(clock(p, unix.CLOCK_REALTIME)) + 3600e9
			pid := p.Fork(func(p *kernel.Prog) {
				want(p, "clock_nanosleep", p.Syscall(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_REALTIME, unix.TIMER_ABSTIME, span(p, date), 0), 0)
				p.Print(1, "awake\n")
			})
			sleep(p, 5e6)
			ok(p, "clock_settime", p.Syscall(unix.SYS_CLOCK_SETTIME, unix.CLOCK_REALTIME, span(p, date+1)))
			wait(p, pid, 0)
			check(p, "not an hour later", clock(p, unix.CLOCK_MONOTONIC) < 60e9)
		}},

	{Name: "an interrupted sleep tells what is left", Output: "EINTR\nEINTR\ndone\n",
		Main: func(p *kernel.Prog) {
			p.Sigaction(int(unix.SIGUSR1), p.Handler(func(*kernel.Prog, int, uint64, uint64) {}), saRestart, 0)
			const whole, atLeast = 10e9, 20e6 // ns: of the sleep, and of it before it is interrupted
			for _, nr := range []uintptr{unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP} {
				left, me := p.Alloc(16), p.Syscall(unix.SYS_GETPID)
				began := p.Now()
				pid := p.Fork(func(p *kernel.Prog) {
					until(p, func() bool { return sleeps(p, me) })
					sleep(p, atLeast)
					p.Syscall(unix.SYS_KILL, uint64(me), uint64(unix.SIGUSR1))
				})
				if nr == unix.SYS_NANOSLEEP {
					p.Print(1, result(p.Syscall(nr, span(p, whole), left))+"\n")
				} else {
					p.Print(1, result(p.Syscall(nr, unix.CLOCK_MONOTONIC, 0, span(p, whole), left))+"\n")
				}
				ns, took := int64(p.Load64(left)*1e9+p.Load64(left+8)), p.Now()-began
				check(p, fmt.Sprintf("%d ns are left after %d", ns, took), ns <= whole-atLeast && ns >= whole-took)
				wait(p, pid, 0)
			}
			p.Print(1, "done\n")
		}},

	{Name: "POSIX timers count what they missed", Output: "done\n",
		Main: func(p *kernel.Prog) {
			sig := unix.Signal(40)
			set := bit(sig) | bit(unix.SIGUSR1)
			mask(p, 0, set)
			number, e := timer(p, unix.CLOCK_MONOTONIC, 0, sig, 0x1234567890)
			want(p, "timer_create", e, 0)
			at := p.Alloc(32)
			want(p, "disarmed", p.Syscall(unix.SYS_TIMER_GETTIME, number, at), 0)
			want(p, "timer_settime", p.Syscall(unix.SYS_TIMER_SETTIME, number, 0, twice(p, 10e6, 10e6), at), 0)
			sleep(p, 45e6) // expires at 10, 20, 30, 40
			info, mset := p.Alloc(128), p.Alloc(8)
			p.Store64(mset, set)
			want(p, "sigtimedwait", p.Syscall(unix.SYS_RT_SIGTIMEDWAIT, mset, info, span(p, 0), 8), int64(sig))
			want(p, "si_code", int64(int32(p.Load32(info+8))), -2)
			want(p, "si_value", int64(p.Load64(info+24)), 0x1234567890)
			want(p, "si_overrun", int64(p.Load32(info+20)), 3)
			want(p, "timer_getoverrun", p.Syscall(unix.SYS_TIMER_GETOVERRUN, number), 3)
			want(p, "timer_gettime", p.Syscall(unix.SYS_TIMER_GETTIME, number, at), 0)
			interval, left := times(p, at)
			check(p, fmt.Sprintf("interval %d, left %d", interval, left), interval == 10e6 && left > 0 && left <= 10e6)
			want(p, "timer_delete", p.Syscall(unix.SYS_TIMER_DELETE, number), 0)
			want(p, "again", p.Syscall(unix.SYS_TIMER_DELETE, number), fails(unix.EINVAL))
			sleep(p, 20e6)
			want(p, "nothing", p.Syscall(unix.SYS_RT_SIGTIMEDWAIT, mset, info, span(p, 0), 8), fails(unix.EAGAIN))

			_, e = timer(p, 99, 0, sig, 0)
			want(p, "no such clock", e, fails(unix.EINVAL))
			_, e = timer(p, unix.CLOCK_MONOTONIC_RAW, 0, sig, 0)
			want(p, "no timers on it", e, fails(unix.EOPNOTSUPP))
			_, e = timer(p, unix.CLOCK_MONOTONIC, 0, 65, 0)
			want(p, "no such signal", e, fails(unix.EINVAL))
			_, e = timer(p, unix.CLOCK_MONOTONIC, 7, sig, 0)
			want(p, "no such notification", e, fails(unix.EINVAL))
			silent, _ := timer(p, unix.CLOCK_MONOTONIC, 1, 0, 0)
			p.Syscall(unix.SYS_TIMER_SETTIME, silent, 0, twice(p, 0, 5e6), 0)
			sleep(p, 6e6)
			p.Syscall(unix.SYS_TIMER_GETTIME, silent, at)
			_, left = times(p, at)
			want(p, "a silent timer that is over", left, 0)
			p.Print(1, "done\n")
		}},

	{Name: "timers of processor time", Output: "SIGVTALRM SIGPROF 41 done\n",
		Main: func(p *kernel.Prog) {
			var order []string
			h := func(p *kernel.Prog, sig int, _, _ uint64) {
				name := unix.SignalName(unix.Signal(sig))
				if name == "" {
					name = fmt.Sprint(sig)
				}
				order = append(order, name)
				p.Print(1, name+" ")
			}
			for _, sig := range []int{int(unix.SIGVTALRM), int(unix.SIGPROF), 41} {
				p.Sigaction(sig, p.Handler(h), saRestart, 0)
			}
			it := p.Alloc(32)
			p.Store64(it+24, 30_000)
			ok(p, "setitimer", p.Syscall(unix.SYS_SETITIMER, 1, it, 0))
			p.Store64(it+24, 60_000)
			ok(p, "setitimer", p.Syscall(unix.SYS_SETITIMER, 2, it, 0))
			number, e := timer(p, unix.CLOCK_PROCESS_CPUTIME_ID, 0, 41, 0)
			want(p, "timer_create", e, 0)
			ok(p, "timer_settime", p.Syscall(unix.SYS_TIMER_SETTIME, number, 0, twice(p, 0, 90e6), 0))
			sleep(p, 200e6)
			before := clock(p, unix.CLOCK_PROCESS_CPUTIME_ID)
			for range 1000 {
				if clock(p, unix.CLOCK_PROCESS_CPUTIME_ID)-before > 120e6 {
					break
				}
				p.Compute(1e6)
			}
			p.Print(1, "done\n")
		}},

	{Name: "alarm and its remainder", Output: "14 done\n",
		Main: func(p *kernel.Prog) {
			p.Sigaction(int(unix.SIGALRM), p.Handler(func(p *kernel.Prog, sig int, _, _ uint64) { p.Print(1, fmt.Sprint(sig, " ")) }), saRestart, 0)
			want(p, "alarm", p.Syscall(unix.SYS_ALARM, 10), 0)
			want(p, "again", p.Syscall(unix.SYS_ALARM, 1), 10)
			want(p, "pause", p.Syscall(unix.SYS_PAUSE), fails(unix.EINTR))
			want(p, "over", p.Syscall(unix.SYS_ALARM, 0), 0)
			p.Print(1, "done\n")
		}},
}

// clockErrors is what Linux answers for every clock id, run on Linux, on a machine with a real-time clock: clock_gettime,
// clock_getres, clock_nanosleep of a bad time, timer_create, clock_settime of a bad time and
// of a bad pointer, clock_adjtime.
var clockErrors = []struct {
	id     int64
	errors [7]unix.Errno
}{
	{0, [7]unix.Errno{0, 0, unix.EINVAL, 0, unix.EINVAL, unix.EFAULT, 0}},
	{1, [7]unix.Errno{0, 0, unix.EINVAL, 0, unix.EINVAL, unix.EINVAL, unix.EOPNOTSUPP}},
	{2, [7]unix.Errno{0, 0, unix.EINVAL, 0, unix.EINVAL, unix.EINVAL, unix.EOPNOTSUPP}},
	{3, [7]unix.Errno{0, 0, unix.EOPNOTSUPP, 0, unix.EINVAL, unix.EINVAL, unix.EOPNOTSUPP}},
	{4, [7]unix.Errno{0, 0, unix.EOPNOTSUPP, unix.EOPNOTSUPP, unix.EINVAL, unix.EINVAL, unix.EOPNOTSUPP}},
	{5, [7]unix.Errno{0, 0, unix.EOPNOTSUPP, unix.EOPNOTSUPP, unix.EINVAL, unix.EINVAL, unix.EOPNOTSUPP}},
	{6, [7]unix.Errno{0, 0, unix.EOPNOTSUPP, unix.EOPNOTSUPP, unix.EINVAL, unix.EINVAL, unix.EOPNOTSUPP}},
	{7, [7]unix.Errno{0, 0, unix.EINVAL, 0, unix.EINVAL, unix.EINVAL, unix.EOPNOTSUPP}},
	{8, [7]unix.Errno{0, 0, unix.EINVAL, 0, unix.EINVAL, unix.EINVAL, unix.EOPNOTSUPP}},
	{9, [7]unix.Errno{0, 0, unix.EINVAL, 0, unix.EINVAL, unix.EINVAL, unix.EOPNOTSUPP}},
	{10, [7]unix.Errno{unix.EINVAL, unix.EINVAL, unix.EINVAL, unix.EINVAL, unix.EINVAL, unix.EINVAL, unix.EINVAL}},
	{11, [7]unix.Errno{0, 0, unix.EINVAL, 0, unix.EINVAL, unix.EINVAL, unix.EOPNOTSUPP}},
	{12, [7]unix.Errno{unix.EINVAL, unix.EINVAL, unix.EINVAL, unix.EINVAL, unix.EINVAL, unix.EINVAL, unix.EINVAL}},
	{-1, [7]unix.Errno{unix.EINVAL, unix.EINVAL, unix.EINVAL, unix.EINVAL, unix.EINVAL, unix.EFAULT, unix.EOPNOTSUPP}},
	{-2, [7]unix.Errno{0, 0, unix.EINVAL, 0, unix.EPERM, unix.EFAULT, unix.EOPNOTSUPP}},
	{-6, [7]unix.Errno{0, 0, unix.EINVAL, 0, unix.EPERM, unix.EFAULT, unix.EOPNOTSUPP}},
	{-3, [7]unix.Errno{0, 0, unix.EINVAL, 0, unix.EPERM, unix.EFAULT, unix.EOPNOTSUPP}},
	{-5, [7]unix.Errno{unix.EINVAL, unix.EINVAL, unix.EOPNOTSUPP, unix.EOPNOTSUPP, unix.EINVAL, unix.EFAULT, unix.EINVAL}},
	{-7, [7]unix.Errno{0, 0, unix.EINVAL, 0, unix.EPERM, unix.EFAULT, unix.EOPNOTSUPP}},
}

func errorsOfClocks(p *kernel.Prog) {
	at, bad, timex := p.Alloc(16), p.Alloc(16), p.Alloc(256)
	p.Store64(bad+8, 2e9)
	for _, row := range clockErrors {
		id := uint64(row.id)
		for i, got := range []int64{
			p.Syscall(unix.SYS_CLOCK_GETTIME, id, at),
			p.Syscall(unix.SYS_CLOCK_GETRES, id, at),
			p.Syscall(unix.SYS_CLOCK_NANOSLEEP, id, 0, bad, 0),
			p.Syscall(unix.SYS_TIMER_CREATE, id, 0, at),
			p.Syscall(unix.SYS_CLOCK_SETTIME, id, bad),
			p.Syscall(unix.SYS_CLOCK_SETTIME, id, 0),
			p.Syscall(unix.SYS_CLOCK_ADJTIME, id, timex),
		} {
			want(p, fmt.Sprintf("clock %d call %d", row.id, i), min(got, 0), fails(row.errors[i]))
		}
	}
	p.Print(1, "done\n")
}
