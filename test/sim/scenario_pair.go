package sim

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// pair makes a pseudo terminal and returns its master and the name of its slave.
func pair(p *kernel.Prog) (master uint64, slave string) {
	master = uint64(ok(p, "open ptmx", open(p, "/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, 0)))
	at := p.Alloc(8)
	ok(p, "TIOCGPTN", p.Syscall(unix.SYS_IOCTL, master, unix.TIOCGPTN, at))
	slave = fmt.Sprintf("/dev/pts/%d", p.Load32(at))
	p.Store32(at, 0)
	ok(p, "TIOCSPTLCK", p.Syscall(unix.SYS_IOCTL, master, unix.TIOCSPTLCK, at))
	return master, slave
}

// contents is what a file of /proc says.
func contents(p *kernel.Prog, name string) string {
	fd := open(p, name, 0, 0)
	if fd < 0 {
		return result(fd)
	}
	text, _ := read(p, uint64(fd), 4000)
	p.Syscall(unix.SYS_CLOSE, uint64(fd))
	return text
}

// link is the text of a symbolic link.
func link(p *kernel.Prog, name string) (text string) {
	p.Scratch(func() {
		at := p.Alloc(200)
		n := path(p, unix.SYS_READLINK, name, at, 200)
		if n < 0 {
			text = result(n)
			return
		}
		text = string(p.Bytes(at, n))
	})
	return text
}

var pairScenarios = []Scenario{
	{Name: "a session on a pseudo terminal", Output: "$ typed\r\n^C\ndone\n",
		Main: func(p *kernel.Prog) {
			master, slave := pair(p)
			pid := p.Fork(func(p *kernel.Prog) {
				ok(p, "setsid", p.Syscall(unix.SYS_SETSID))
				fd := uint64(ok(p, "open slave", open(p, slave, unix.O_RDWR, 0)))
				p.Syscall(unix.SYS_CLOSE, master)
				ok(p, "the slave is the controlling terminal", open(p, "/dev/tty", unix.O_RDWR, 0))
				at := p.Alloc(8)
				ok(p, "TIOCGPGRP", p.Syscall(unix.SYS_IOCTL, fd, unix.TIOCGPGRP, at))
				want(p, "foreground", int64(p.Load32(at)), getpid(p))
				ok(p, "TIOCGSID", p.Syscall(unix.SYS_IOCTL, fd, unix.TIOCGSID, at))
				want(p, "session", int64(p.Load32(at)), getpid(p))
				write(p, fd, "$ ")
				text, _ := read(p, fd, 100)
				check(p, "line "+text, text == "typed\n")
				read(p, fd, 100)
			})
			all := ""
			get := func(until string) {
				for !strings.HasSuffix(all, until) {
					text, n := read(p, master, 100)
					if n <= 0 {
						return
					}
					all += text
				}
			}
			get("$ ")
			write(p, master, "typed\r")
			get("\r\n")
			write(p, master, "\x03")
			get("^C")
			_, status := wait(p, pid, 0)
			want(p, "status", int64(status), int64(killed(unix.SIGINT)))
			_, n := read(p, master, 10)
			want(p, "the slave is closed", n, fails(unix.EIO))
			p.Print(1, all+"\ndone\n")
		}},

	{Name: "the background is stopped when it reads, the end of the session hangs up", Output: "done\n",
		Main: func(p *kernel.Prog) {
			master, slave := pair(p)
			leader := p.Fork(func(p *kernel.Prog) {
				p.Syscall(unix.SYS_SETSID)
				fd := uint64(ok(p, "open slave", open(p, slave, unix.O_RDWR, 0)))
				child := p.Fork(func(p *kernel.Prog) {
					p.Syscall(unix.SYS_SETPGID, 0, 0)
					read(p, fd, 10)
				})
				p.Syscall(unix.SYS_SETPGID, uint64(child), uint64(child))
				_, status := wait(p, child, unix.WUNTRACED)
				want(p, "stopped", int64(status), int64(stopped(unix.SIGTTIN)))
				at := p.Alloc(8)
				p.Store32(at, uint32(child))
				ok(p, "TIOCSPGRP", p.Syscall(unix.SYS_IOCTL, fd, unix.TIOCSPGRP, at))
				kill(p, -child, unix.SIGCONT)
				write(p, fd, "ready")
				_, status = wait(p, child, 0)
				want(p, "status", int64(status), 0)

				// Now the leader is in the background; asking for the foreground is stopped too,
				// unless it does not care for SIGTTOU.
				p.Sigaction(int(unix.SIGTTOU), 1, 0, 0)
				p.Store32(at, uint32(getpid(p)))
				ok(p, "TIOCSPGRP", p.Syscall(unix.SYS_IOCTL, fd, unix.TIOCSPGRP, at))
				p.Store32(at, 1)
				want(p, "a group of another session", p.Syscall(unix.SYS_IOCTL, fd, unix.TIOCSPGRP, at), fails(unix.EPERM))
				p.Store32(at, 30000)
				want(p, "no such group", p.Syscall(unix.SYS_IOCTL, fd, unix.TIOCSPGRP, at), fails(unix.ESRCH))
				p.Syscall(unix.SYS_CLOSE, master)
				write(p, fd, "last")
				read(p, fd, 10)
			})
			text, _ := read(p, master, 5)
			check(p, "output "+text, text == "ready")
			write(p, master, "x\n")
			text = ""
			for !strings.HasSuffix(text, "last") {
				more, n := read(p, master, 10)
				if n <= 0 {
					break
				}
				text += more
			}
			check(p, "output "+text, text == "x\r\nlast")
			p.Syscall(unix.SYS_CLOSE, master)
			_, status := wait(p, leader, 0)
			want(p, "hung up", int64(status), int64(killed(unix.SIGHUP)))
			p.Print(1, "done\n")
		}},

	{Name: "the window changes", Prepare: onTerminal, Output: "30 90\r\n",
		During: func(m *Machine) { m.Kernel.At(5e6, func() { m.Console.Resize(30, 90) }) },
		Main: func(p *kernel.Prog) {
			p.Sigaction(int(unix.SIGWINCH), p.Handler(func(*kernel.Prog, int, uint64, uint64) {}), saRestart, 0)
			p.Syscall(unix.SYS_PAUSE)
			at := p.Alloc(8)
			ok(p, "TIOCGWINSZ", p.Syscall(unix.SYS_IOCTL, 0, unix.TIOCGWINSZ, at))
			p.Print(1, fmt.Sprintf("%d %d\n", p.Load32(at)&0xffff, p.Load32(at)>>16))
		}},

	{Name: "raw input with a time limit", Prepare: onTerminal, Output: "0 ab 1\n",
		During: typing(map[int64]string{300: "a", 340: "b", 600: "c"}),
		Main: func(p *kernel.Prog) {
			at := p.Alloc(64)
			ok(p, "TCGETS", p.Syscall(unix.SYS_IOCTL, 0, unix.TCGETS, at))
			p.Store32(at, 0)
			p.Store32(at+4, 0)
			p.Store32(at+12, 0)
			p.Store8(at+17+unix.VTIME, 1) // a tenth of a second
			p.Store8(at+17+unix.VMIN, 0)
			ok(p, "TCSETSW", p.Syscall(unix.SYS_IOCTL, 0, unix.TCSETSW, at))
			_, n := read(p, 0, 10)
			out := fmt.Sprint(n)
			p.Store8(at+17+unix.VMIN, 3)
			ok(p, "TCSETS", p.Syscall(unix.SYS_IOCTL, 0, unix.TCSETS, at))
			text, _ := read(p, 0, 10) // ends a tenth of a second after b
			out += " " + text
			p.Store8(at+17+unix.VTIME, 0)
			p.Store8(at+17+unix.VMIN, 1)
			ok(p, "TCSETS", p.Syscall(unix.SYS_IOCTL, 0, unix.TCSETS, at))
			_, n = read(p, 0, 10)
			p.Print(1, fmt.Sprintf("%s %d\n", out, n))
		}},

	{Name: "proc shows processes and threads", Output: "done\n",
		Main: func(p *kernel.Prog) {
			want(p, "self", int64(len(link(p, "/proc/self"))), int64(len(fmt.Sprint(getpid(p)))))
			check(p, "exe", link(p, "/proc/self/exe") == "/bin/init")
			check(p, "cwd", link(p, "/proc/self/cwd") == "/")
			r, w := pipe(p, 0)
			check(p, "fd", strings.HasPrefix(link(p, fmt.Sprintf("/proc/self/fd/%d", r)), "pipe:["))
			again := ok(p, "open a pipe again", open(p, fmt.Sprintf("/dev/fd/%d", w), unix.O_WRONLY, 0))
			write(p, uint64(again), "through proc")
			text, _ := read(p, r, 50)
			check(p, "through proc", text == "through proc")
			check(p, "fdinfo", strings.HasPrefix(contents(p, fmt.Sprintf("/proc/self/fdinfo/%d", r)), "pos:\t0\nflags:\t0"))
			counter := uint64(ok(p, "eventfd2", p.Syscall(unix.SYS_EVENTFD2, 5, 0)))
			check(p, "fdinfo of an eventfd", strings.Contains(contents(p, fmt.Sprintf("/proc/self/fdinfo/%d", counter)), "eventfd-count:                5\n"))
			want(p, "no descriptor", open(p, "/proc/self/fd/77", 0, 0), fails(unix.ENOENT))

			fd := uint64(ok(p, "comm", open(p, "/proc/self/comm", unix.O_WRONLY, 0)))
			write(p, fd, "renamed by itself\n")
			check(p, "comm", contents(p, "/proc/thread-self/comm") == "renamed by itse\n")
			check(p, "stat", strings.Contains(contents(p, "/proc/self/stat"), " (renamed by itse) R 1 "))

			here := p.Put([]byte("in memory"))
			mem := uint64(ok(p, "mem", open(p, "/proc/self/mem", unix.O_RDWR, 0)))
			at := p.Alloc(16)
			want(p, "pread mem", p.Syscall(unix.SYS_PREAD64, mem, at, 9, here), 9)
			b := make([]byte, 9)
			p.Get(at, b)
			check(p, "mem", string(b) == "in memory")
			want(p, "nothing there", p.Syscall(unix.SYS_PREAD64, mem, at, 9, 4096), fails(unix.EIO))

			child := p.Fork(func(p *kernel.Prog) { p.Syscall(unix.SYS_PAUSE) })
			sleep(p, 1e6)
			dir := fmt.Sprintf("/proc/%d/", child)
			check(p, "sleeping", strings.Contains(contents(p, dir+"status"), "State:\tS (sleeping)\n"))
			check(p, "task", names(p, dir+"task") == fmt.Sprintf("%d", child))
			kill(p, child, unix.SIGKILL)
			p.Syscall(unix.SYS_WAITID, 1, uint64(child), 0, unix.WEXITED|unix.WNOWAIT, 0)
			check(p, "zombie", strings.Contains(contents(p, dir+"stat"), ") Z "))
			check(p, "no memory", contents(p, dir+"cmdline") == "" && contents(p, dir+"maps") == "")
			check(p, "no program", link(p, dir+"exe") == "ENOENT")
			wait(p, child, 0)
			want(p, "gone", open(p, dir+"stat", 0, 0), fails(unix.ENOENT))
			check(p, "pid 1", strings.HasPrefix(contents(p, "/proc/1/status"), "Name:\tinit\n"))
			want(p, "not writable", open(p, "/proc/uptime", unix.O_WRONLY, 0), fails(unix.EACCES))
			want(p, "nothing can be made", open(p, "/proc/new", unix.O_WRONLY|unix.O_CREAT, 0600), fails(unix.ENOENT))
			want(p, "nor here", open(p, "/sys/new", unix.O_WRONLY|unix.O_CREAT, 0600), fails(unix.EACCES))

			fd = uint64(ok(p, "hostname", open(p, "/proc/sys/kernel/hostname", unix.O_RDWR, 0)))
			write(p, fd, "nest\n")
			check(p, "hostname", contents(p, "/proc/sys/kernel/hostname") == "nest\n")
			check(p, "cpu", contents(p, "/sys/devices/system/cpu/online") == "0\n")
			p.Print(1, "done\n")
		}},
}
