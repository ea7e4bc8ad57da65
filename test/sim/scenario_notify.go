package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// Requests of a listener (seccomp_unotify(2)).
const (
	notifReceive = 0xc0502100
	notifSend    = 0xc0182101
	notifValid   = 0x40082102
	notifAddFile = 0x40182103
)

// listen forks a child whose getppid is asked about, and returns it with the listener.
func listen(p *kernel.Prog, child kernel.Program) (pid int64, fd uint64) {
	fd = uint64(ok(p, "listener", filter(p, unix.SYS_GETPPID, unix.SECCOMP_RET_USER_NOTIF, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER)))
	return p.Fork(func(p *kernel.Prog) {
		p.Syscall(unix.SYS_CLOSE, fd)
		child(p)
	}), fd
}

// receive fetches a question and returns its number.
func receive(p *kernel.Prog, fd uint64, tid int64) (number uint64) {
	p.Scratch(func() {
		at := p.Alloc(80)
		p.Set(at, make([]byte, 80))
		want(p, "receive", p.Syscall(unix.SYS_IOCTL, fd, notifReceive, at), 0)
		number = p.Load64(at)
		want(p, "who", int64(p.Load32(at+8)), tid)
		want(p, "call", int64(p.Load32(at+16)), unix.SYS_GETPPID)
		want(p, "argument", int64(p.Load64(at+40)), 77)
	})
	return number
}

func answer(p *kernel.Prog, fd, number uint64, value, failure int64, flags uint32) (r int64) {
	p.Scratch(func() {
		at := p.Alloc(24)
		p.Store64(at, number)
		p.Store64(at+8, uint64(value))
		p.Store32(at+16, uint32(failure))
		p.Store32(at+20, flags)
		r = p.Syscall(unix.SYS_IOCTL, fd, notifSend, at)
	})
	return r
}

var notifyScenarios = []Scenario{
	{Name: "a listener answers calls", Output: "done\n",
		Main: func(p *kernel.Prog) {
			me := getpid(p)
			child, fd := listen(p, func(p *kernel.Prog) {
				want(p, "value", p.Syscall(unix.SYS_GETPPID, 0, 77), 1234)
				want(p, "error", p.Syscall(unix.SYS_GETPPID, 0, 77), fails(unix.EDOM))
				want(p, "the call itself", p.Syscall(unix.SYS_GETPPID, 0, 77), me)
				text, _ := read(p, 50, 3)
				check(p, "file of the listener: "+text, text == "abc")
			})
			n := receive(p, fd, child)
			at := p.Alloc(8)
			p.Store64(at, n)
			want(p, "valid", p.Syscall(unix.SYS_IOCTL, fd, notifValid, at), 0)
			want(p, "continue and a value", answer(p, fd, n, 1, 0, 1), fails(unix.EINVAL))
			want(p, "unknown flag", answer(p, fd, n, 1, 0, 2), fails(unix.EINVAL))
			want(p, "unknown number", answer(p, fd, n+1, 1, 0, 0), fails(unix.ENOENT))
			want(p, "answer", answer(p, fd, n, 1234, 0, 0), 0)
			want(p, "twice", answer(p, fd, n, 1234, 0, 0), fails(unix.ENOENT))
			want(p, "not valid", p.Syscall(unix.SYS_IOCTL, fd, notifValid, at), fails(unix.ENOENT))
			want(p, "answer", answer(p, fd, receive(p, fd, child), 0, fails(unix.EDOM), 0), 0)

			r, w := pipe(p, 0)
			write(p, w, "abc")
			n = receive(p, fd, child)
			add := p.Alloc(24)
			p.Store64(add, n)
			p.Store32(add+8, unix.SECCOMP_ADDFD_FLAG_SETFD)
			p.Store32(add+12, uint32(r))
			p.Store32(add+16, 50)
			want(p, "add a file", p.Syscall(unix.SYS_IOCTL, fd, notifAddFile, add), 50)
			want(p, "continue", answer(p, fd, n, 0, 0, unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE), 0)
			_, status := wait(p, child, 0)
			want(p, "status", int64(status), 0)

			want(p, "a second listener", filter(p, unix.SYS_GETPPID, unix.SECCOMP_RET_USER_NOTIF, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER), fails(unix.EBUSY))
			p.Print(1, "done\n")
		}},

	{Name: "who waits for an answer whatever comes is ended by a signal that is fatal, and by no other", Output: "done\n",
		Main: func(p *kernel.Prog) {
			const killable = 1 << 5 // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
			fd := uint64(ok(p, "listener", filter(p, unix.SYS_GETPPID, unix.SECCOMP_RET_USER_NOTIF, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|killable)))
			asks := func(prepare func(p *kernel.Prog)) int64 {
				return p.Fork(func(p *kernel.Prog) {
					p.Syscall(unix.SYS_CLOSE, fd)
					prepare(p)
					p.Syscall(unix.SYS_EXIT, uint64(p.Syscall(unix.SYS_GETPPID, 0, 77)))
				})
			}
			for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGUSR1, unix.Signal(40)} {
				pid := asks(func(*kernel.Prog) {})
				receive(p, fd, pid)
				want(p, "kill", kill(p, pid, sig), 0)
				_, status := wait(p, pid, 0)
				want(p, "status", int64(status), int64(killed(sig)))
			}
			// Blocked, handled, ignored, stopping, or to be written down first: the answer comes before.
			pid := asks(func(p *kernel.Prog) {
				mask(p, blockMask, bit(unix.SIGTERM))
				p.Sigaction(int(unix.SIGUSR1), p.Handler(func(p *kernel.Prog, sig int, info, context uint64) {}), 0, 0)
			})
			number := receive(p, fd, pid)
			for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGUSR1, unix.SIGCHLD, unix.SIGQUIT} {
				want(p, "kill", kill(p, pid, sig), 0)
			}
			sleep(p, 10e6)
			got, _ := wait(p, pid, unix.WNOHANG)
			want(p, "it waits", got, 0)
			want(p, "answer", answer(p, fd, number, 3, 0, 0), 0)
			_, status := wait(p, pid, 0)
			want(p, "status", int64(status&0x7f), int64(killed(unix.SIGQUIT)))
			p.Print(1, "done\n")
		}},
	{Name: "a fatal signal ends who waits for the child of a vfork", Output: "done\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			parent := p.Fork(func(p *kernel.Prog) {
				p.Vfork(func(p *kernel.Prog) {
					write(p, w, "x")
					sleep(p, 1e9)
					p.Syscall(unix.SYS_EXIT, 0)
				})
				p.Syscall(unix.SYS_EXIT, 1)
			})
			read(p, r, 1)
			want(p, "kill", kill(p, parent, unix.SIGTERM), 0)
			before := p.Now()
			_, status := wait(p, parent, 0)
			want(p, "status", int64(status), int64(killed(unix.SIGTERM)))
			check(p, "it waited for its child", p.Now()-before < 500e6)
			p.Print(1, "done\n")
		}},
	{Name: "questions end with their thread, listeners with a refusal", Output: "done\n",
		Main: func(p *kernel.Prog) {
			child, fd := listen(p, func(p *kernel.Prog) { p.Syscall(unix.SYS_GETPPID, 0, 77) })
			_, ev := poll(p, fd, unix.POLLIN|unix.POLLOUT, -1)
			want(p, "asked", int64(ev), unix.POLLIN)
			n := receive(p, fd, child)
			_, ev = poll(p, fd, unix.POLLIN|unix.POLLOUT, -1)
			want(p, "fetched", int64(ev), unix.POLLOUT)
			kill(p, child, unix.SIGKILL)
			wait(p, child, 0)
			want(p, "nobody asks any more", answer(p, fd, n, 0, 0, 0), fails(unix.ENOENT))

			child = p.Fork(func(p *kernel.Prog) {
				p.Syscall(unix.SYS_CLOSE, fd)
				p.Sigaction(int(unix.SIGUSR1), p.Handler(func(*kernel.Prog, int, uint64, uint64) {}), 0, 0)
				want(p, "interrupted", p.Syscall(unix.SYS_GETPPID, 0, 77), fails(unix.EINTR))
				want(p, "closed", p.Syscall(unix.SYS_GETPPID, 0, 77), fails(unix.ENOSYS))
				want(p, "none", p.Syscall(unix.SYS_GETPPID, 0, 77), fails(unix.ENOSYS))
			})
			receive(p, fd, child)
			kill(p, child, unix.SIGUSR1)
			receive(p, fd, child)
			p.Syscall(unix.SYS_CLOSE, fd)
			_, status := wait(p, child, 0)
			want(p, "status", int64(status), 0)
			p.Print(1, "done\n")
		}},

	{Name: "calls become signals where the selector says so", Output: "SIGSYS code 2 call 110 result 110\nallowed\ndone\n",
		Main: func(p *kernel.Prog) {
			const set = 59 // PR_SET_SYSCALL_USER_DISPATCH
			sel := p.Alloc(8)
			prctl := func(args ...uint64) int64 { return p.Syscall(unix.SYS_PRCTL, append([]uint64{set}, args...)...) }
			want(p, "off with more", prctl(0, 1, 0, 0), fails(unix.EINVAL))
			want(p, "a range that wraps", prctl(1, 8, ^uint64(0), 0), fails(unix.EINVAL))
			want(p, "mode", prctl(2, 0, 0, 0), fails(unix.EINVAL))
			want(p, "selector", prctl(1, 0, 0, 1<<63), fails(unix.EFAULT))
			p.Sigaction(int(unix.SIGSYS), p.Handler(func(p *kernel.Prog, _ int, info, _ uint64) {
				p.Store8(sel, 0)
				p.Print(1, fmt.Sprintf("SIGSYS code %d call %d ", p.Load32(info+8), p.Load32(info+24)))
			}), saSiginfo, 0)
			ok(p, "on", prctl(1, 0, 0, sel))
			child := func(byte8 byte) int64 {
				return p.Fork(func(p *kernel.Prog) {
					ok(p, "on", p.Syscall(unix.SYS_PRCTL, set, 1, 0, 0, sel))
					p.Store8(sel, byte8)
					p.Syscall(unix.SYS_GETPPID)
				})
			}
			p.Store8(sel, 1)
			r := p.Syscall(unix.SYS_GETPPID)
			p.Print(1, fmt.Sprintf("result %d\n", r))
			check(p, "getppid", p.Syscall(unix.SYS_GETPPID) >= 0)
			p.Print(1, "allowed\n")
			_, status := wait(p, child(7), 0)
			want(p, "no such selection", int64(status&0x7f), int64(unix.SIGSYS))
			ok(p, "off", prctl(0, 0, 0, 0))
			p.Store8(sel, 1)
			check(p, "getppid", p.Syscall(unix.SYS_GETPPID) >= 0)
			p.Print(1, "done\n")
		}},
}
