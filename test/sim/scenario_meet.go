package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// Processes that meet through files: each of them blocks in a call until the other
// has come, so every swap in between finds calls that wait.

// sockaddr puts a struct sockaddr_un with a path.
func sockaddr(p *kernel.Prog, path string) (va, n uint64) {
	b := append([]byte{unix.AF_UNIX, 0}, path...)
	b = append(b, 0)
	return p.Put(b), uint64(len(b))
}

// flock puts a struct flock.
func flock(p *kernel.Prog, typ uint16, start, length uint64) uint64 {
	at := p.Alloc(32)
	p.Store32(at, uint32(typ))
	p.Store64(at+8, start)
	p.Store64(at+16, length)
	return at
}

// whole is the length of a lock to the end of the file.
const whole = 0

var meetScenarios = []Scenario{
	{Name: "a FIFO brings reader and writer together", Output: "through the FIFO\nend\nENXIO\n",
		Main: func(p *kernel.Prog) {
			want(p, "mknod", path(p, unix.SYS_MKNOD, "/tmp/fifo", unix.S_IFIFO|0o600, 0), 0)
			pid := p.Fork(func(p *kernel.Prog) {
				fd := uint64(ok(p, "open to write", open(p, "/tmp/fifo", unix.O_WRONLY, 0)))
				sleep(p, 1e6)
				write(p, fd, "through the FIFO\n")
			})
			fd := uint64(ok(p, "open to read", open(p, "/tmp/fifo", unix.O_RDONLY, 0)))
			text, _ := read(p, fd, 100)
			p.Print(1, text)
			if _, n := read(p, fd, 100); n == 0 {
				p.Print(1, "end\n")
			}
			wait(p, pid, 0)
			p.Syscall(unix.SYS_CLOSE, fd)
			p.Print(1, result(open(p, "/tmp/fifo", unix.O_WRONLY|unix.O_NONBLOCK, 0))+"\n")
		}},

	{Name: "a pipe opened through /proc does not wait for the other end", Output: "left behind\nend\ndone\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			write(p, w, "left behind\n")
			p.Syscall(unix.SYS_CLOSE, w)
			again := uint64(ok(p, "open to read", open(p, fmt.Sprintf("/proc/self/fd/%d", r), unix.O_RDONLY, 0)))
			text, _ := read(p, again, 100)
			p.Print(1, text)
			if _, n := read(p, again, 100); n == 0 {
				p.Print(1, "end\n")
			}
			p.Syscall(unix.SYS_CLOSE, again)
			r, w = pipe(p, 0)
			p.Syscall(unix.SYS_CLOSE, r)
			again = uint64(ok(p, "open to write", open(p, fmt.Sprintf("/proc/self/fd/%d", w), unix.O_WRONLY|unix.O_NONBLOCK, 0)))
			p.Sigaction(int(unix.SIGPIPE), 1, 0, 0)
			want(p, "write", write(p, again, "x"), fails(unix.EPIPE))
			p.Print(1, "done\n")
		}},

	{Name: "a stream server takes its clients one by one", Output: "done\n",
		Main: func(p *kernel.Prog) {
			l := uint64(ok(p, "socket", p.Syscall(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0)))
			addr, n := sockaddr(p, "/tmp/server")
			want(p, "bind", p.Syscall(unix.SYS_BIND, l, addr, n), 0)
			want(p, "bind again", p.Syscall(unix.SYS_BIND, uint64(p.Syscall(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0)), addr, n), fails(unix.EADDRINUSE))
			want(p, "listen", p.Syscall(unix.SYS_LISTEN, l, 1), 0)
			const clients = 4
			var pids [clients]int64
			for i := range pids {
				pids[i] = p.Fork(func(p *kernel.Prog) {
					c := uint64(p.Syscall(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0))
					want(p, "connect", p.Syscall(unix.SYS_CONNECT, c, addr, n), 0)
					write(p, c, "ab")
					sleep(p, 1e6)
					write(p, c, "cd")
					text, _ := read(p, c, 10)
					check(p, "answer "+text, text == "abcd!")
					_, end := read(p, c, 10)
					want(p, "end", end, 0)
				})
			}
			buf := p.Alloc(8)
			for range pids {
				s := uint64(ok(p, "accept", p.Syscall(unix.SYS_ACCEPT4, l, 0, 0, 0)))
				want(p, "MSG_WAITALL", p.Syscall(unix.SYS_RECVFROM, s, buf, 4, unix.MSG_WAITALL, 0, 0), 4)
				p.Store8(buf+4, '!')
				want(p, "write", p.Syscall(unix.SYS_WRITE, s, buf, 5), 5)
				p.Syscall(unix.SYS_CLOSE, s)
			}
			for _, pid := range pids {
				_, status := wait(p, pid, 0)
				want(p, "status", int64(status), 0)
			}
			want(p, "nobody left", p.Syscall(unix.SYS_FCNTL, l, unix.F_SETFL, unix.O_NONBLOCK), 0)
			want(p, "accept", p.Syscall(unix.SYS_ACCEPT4, l, 0, 0, 0), fails(unix.EAGAIN))
			p.Print(1, "done\n")
		}},

	{Name: "a receive time-out ends", Output: "done\n",
		Main: func(p *kernel.Prog) {
			sv := p.Alloc(8)
			p.Syscall(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_DGRAM, 0, sv)
			a := uint64(p.Load32(sv))
			tv := p.Alloc(16)
			p.Store64(tv+8, 3000)
			want(p, "setsockopt", p.Syscall(unix.SYS_SETSOCKOPT, a, unix.SOL_SOCKET, unix.SO_RCVTIMEO, tv, 16), 0)
			before := clock(p, unix.CLOCK_MONOTONIC)
			_, n := read(p, a, 10)
			want(p, "read", n, fails(unix.EAGAIN))
			d := clock(p, unix.CLOCK_MONOTONIC) - before
			check(p, "waited "+result(d), d >= 3e6 && d < 10e6)
			p.Print(1, "done\n")
		}},

	{Name: "record locks wait, and never in a circle", Output: "done\n",
		Main: func(p *kernel.Prog) {
			fd := uint64(ok(p, "create", open(p, "/tmp/locked", unix.O_RDWR|unix.O_CREAT, 0o600)))
			r, w := pipe(p, 0)
			want(p, "lock 0", p.Syscall(unix.SYS_FCNTL, fd, unix.F_SETLK, flock(p, unix.F_WRLCK, 0, 1)), 0)
			pid := p.Fork(func(p *kernel.Prog) {
				want(p, "child locks 1", p.Syscall(unix.SYS_FCNTL, fd, unix.F_SETLK, flock(p, unix.F_WRLCK, 1, 1)), 0)
				want(p, "child tries 0", p.Syscall(unix.SYS_FCNTL, fd, unix.F_SETLK, flock(p, unix.F_RDLCK, 0, 1)), fails(unix.EAGAIN))
				write(p, w, "x")
				// Waits for the parent, which may then not wait for this one.
				want(p, "child waits for 0", p.Syscall(unix.SYS_FCNTL, fd, unix.F_SETLKW, flock(p, unix.F_WRLCK, 0, whole)), 0)
				write(p, w, "y")
			})
			read(p, r, 1)
			until(p, func() bool { return sleeps(p, pid) })
			want(p, "a circle", p.Syscall(unix.SYS_FCNTL, fd, unix.F_SETLKW, flock(p, unix.F_WRLCK, 1, 1)), fails(unix.EDEADLK))
			who := flock(p, unix.F_WRLCK, 0, whole)
			want(p, "F_GETLK", p.Syscall(unix.SYS_FCNTL, fd, unix.F_GETLK, who), 0)
			want(p, "who has 1", int64(p.Load32(who+24)), pid)
			want(p, "unlock", p.Syscall(unix.SYS_FCNTL, fd, unix.F_SETLK, flock(p, unix.F_UNLCK, 0, 1)), 0)
			read(p, r, 1)
			wait(p, pid, 0)
			want(p, "after its death", p.Syscall(unix.SYS_FCNTL, fd, unix.F_SETLK, flock(p, unix.F_WRLCK, 0, whole)), 0)
			p.Print(1, "done\n")
		}},

	{Name: "flock hands the file on", Output: "AABBCC\n",
		Main: func(p *kernel.Prog) {
			open(p, "/tmp/turn", unix.O_RDWR|unix.O_CREAT, 0o600)
			out := uint64(ok(p, "create", open(p, "/tmp/out", unix.O_RDWR|unix.O_CREAT|unix.O_APPEND, 0o600)))
			own := uint64(ok(p, "open", open(p, "/tmp/turn", unix.O_RDONLY, 0)))
			want(p, "flock", p.Syscall(unix.SYS_FLOCK, own, unix.LOCK_EX), 0)
			var pids [3]int64
			for i := range pids {
				letter := string(rune('A' + i))
				pids[i] = p.Fork(func(p *kernel.Prog) {
					fd := uint64(ok(p, "open", open(p, "/tmp/turn", unix.O_RDONLY, 0)))
					want(p, "try", p.Syscall(unix.SYS_FLOCK, fd, unix.LOCK_EX|unix.LOCK_NB), fails(unix.EAGAIN))
					want(p, "flock", p.Syscall(unix.SYS_FLOCK, fd, unix.LOCK_EX), 0)
					write(p, out, letter)
					sleep(p, 1e6)
					write(p, out, letter)
				})
				until(p, func() bool { return sleeps(p, pids[i]) }) // the order of waiting
			}
			// Closing would not do: the children have the description too.
			want(p, "unlock", p.Syscall(unix.SYS_FLOCK, own, unix.LOCK_UN), 0)
			for _, pid := range pids {
				wait(p, pid, 0)
			}
			p.Syscall(unix.SYS_LSEEK, out, 0, unix.SEEK_SET)
			text, _ := read(p, out, 100)
			p.Print(1, text+"\n")
		}},

	{Name: "splice and tee move what a writer still writes", Output: "abcdefghij\nabcdefghij\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			r2, w2 := pipe(p, 0)
			pid := p.Fork(func(p *kernel.Prog) {
				sleep(p, 1e6)
				write(p, w, "abcdefghij")
			})
			p.Syscall(unix.SYS_CLOSE, w)
			want(p, "tee", p.Syscall(unix.SYS_TEE, r, w2, 100, 0), 10)
			fd := uint64(ok(p, "create", open(p, "/tmp/copy", unix.O_RDWR|unix.O_CREAT, 0o600)))
			want(p, "splice", p.Syscall(unix.SYS_SPLICE, r, 0, fd, 0, 100, 0), 10)
			want(p, "splice at the end", p.Syscall(unix.SYS_SPLICE, r, 0, fd, 0, 100, 0), 0)
			p.Syscall(unix.SYS_LSEEK, fd, 0, unix.SEEK_SET)
			text, _ := read(p, fd, 100)
			p.Print(1, text+"\n")
			text, _ = read(p, r2, 100)
			p.Print(1, text+"\n")
			wait(p, pid, 0)
			at := p.Alloc(8)
			want(p, "sendfile", p.Syscall(unix.SYS_SENDFILE, w2, fd, at, 4), 4)
			text, _ = read(p, r2, 100)
			check(p, "sendfile moved "+text, text == "abcd")
			want(p, "its offset", int64(p.Load64(at)), 4)
		}},

	{Name: "two threads wait at one epoll instance", Output: "done\n",
		Main: func(p *kernel.Prog) {
			e := uint64(ok(p, "epoll_create1", p.Syscall(unix.SYS_EPOLL_CREATE1, 0)))
			r, w := pipe(p, 0)
			ev := p.Alloc(12)
			p.Store32(ev, unix.EPOLLIN|unix.EPOLLONESHOT)
			p.Store64(ev+4, 77)
			want(p, "epoll_ctl", p.Syscall(unix.SYS_EPOLL_CTL, e, unix.EPOLL_CTL_ADD, r, ev), 0)
			take := func(p *kernel.Prog) {
				got := p.Alloc(12)
				want(p, "epoll_wait", p.Syscall(unix.SYS_EPOLL_WAIT, e, got, 1, ^uint64(0)), 1)
				want(p, "data", int64(p.Load64(got+4)), 77)
				text, _ := read(p, r, 1)
				check(p, "read "+text, text == "x")
				want(p, "arm again", p.Syscall(unix.SYS_EPOLL_CTL, e, unix.EPOLL_CTL_MOD, r, ev), 0)
			}
			a, b := p.Fork(take), p.Fork(take)
			sleep(p, 1e6)
			write(p, w, "x")
			sleep(p, 1e6)
			write(p, w, "x")
			wait(p, a, 0)
			wait(p, b, 0)
			got := p.Alloc(12)
			want(p, "nothing is left", p.Syscall(unix.SYS_EPOLL_WAIT, e, got, 1, 1), 0)
			p.Print(1, "done\n")
		}},

	{Name: "select sees the right sets", Output: "done\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			pid := p.Fork(func(p *kernel.Prog) {
				sleep(p, 2e6)
				write(p, w, "x")
			})
			sets, tv := p.Alloc(16), p.Alloc(16)
			p.Store64(sets, 1<<r)
			p.Store64(sets+8, 1<<r) // never writable
			p.Store64(tv, 5)
			want(p, "select", p.Syscall(unix.SYS_SELECT, w+1, sets, sets+8, 0, tv), 1)
			want(p, "readable", int64(p.Load64(sets)), 1<<r)
			want(p, "writable", int64(p.Load64(sets+8)), 0)
			check(p, "time left", p.Load64(tv) == 4)
			wait(p, pid, 0)
			p.Store64(sets, 1<<63)
			want(p, "a closed descriptor", p.Syscall(unix.SYS_SELECT, 64, sets, 0, 0, tv), fails(unix.EBADF))
			p.Store64(tv, 0)
			p.Store64(tv+8, 1000)
			want(p, "time-out", p.Syscall(unix.SYS_SELECT, 0, 0, 0, 0, tv), 0)
			p.Print(1, "done\n")
		}},

	{Name: "files survive their names, and their mounts", Output: "kept\ndone\n",
		Main: func(p *kernel.Prog) {
			path(p, unix.SYS_MKDIR, "/tmp/m", 0o755)
			p.Scratch(func() {
				want(p, "mount", p.Syscall(unix.SYS_MOUNT, p.Text("none"), p.Text("/tmp/m"), p.Text("tmpfs"), 0, p.Text("size=64k")), 0)
			})
			fd := uint64(ok(p, "create", open(p, "/tmp/m/f", unix.O_RDWR|unix.O_CREAT, 0o600)))
			write(p, fd, "kept\n")
			want(p, "unlink", path(p, unix.SYS_UNLINK, "/tmp/m/f"), 0)
			want(p, "umount, busy", path(p, unix.SYS_UMOUNT2, "/tmp/m", 0), fails(unix.EBUSY))
			want(p, "umount, lazy", path(p, unix.SYS_UMOUNT2, "/tmp/m", unix.MNT_DETACH), 0)
			p.Syscall(unix.SYS_LSEEK, fd, 0, unix.SEEK_SET)
			text, _ := read(p, fd, 100)
			p.Print(1, text)
			m := uint64(ok(p, "memfd_create", path(p, unix.SYS_MEMFD_CREATE, "name", unix.MFD_ALLOW_SEALING)))
			want(p, "write", write(p, m, "0123"), 4)
			want(p, "seal", p.Syscall(unix.SYS_FCNTL, m, unix.F_ADD_SEALS, unix.F_SEAL_GROW|unix.F_SEAL_SHRINK), 0)
			want(p, "grow", write(p, m, "4"), fails(unix.EPERM))
			want(p, "shrink", p.Syscall(unix.SYS_FTRUNCATE, m, 0), fails(unix.EPERM))
			want(p, "in place", p.Syscall(unix.SYS_PWRITE64, m, p.Text("x"), 1, 0), 1)
			p.Print(1, "done\n")
		}},
}
