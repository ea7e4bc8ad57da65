package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// names lists a directory.
func names(p *kernel.Prog, dir string) string {
	fd := uint64(ok(p, "open "+dir, open(p, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)))
	var list []string
	p.Scratch(func() {
		const size = 2048
		at := p.Alloc(size)
		for {
			n := ok(p, "getdents64", p.Syscall(unix.SYS_GETDENTS64, fd, at, size))
			if n <= 0 {
				break
			}
			b := p.Bytes(at, n)
			for len(b) >= 19 {
				name, _, _ := strings.Cut(string(b[19:]), "\x00")
				if name != "." && name != ".." {
					list = append(list, name)
				}
				next := binary.LittleEndian.Uint16(b[16:])
				if next < 19 {
					p.Print(1, "a record without end\n")
					return
				}
				b = b[next:]
			}
		}
	})
	p.Syscall(unix.SYS_CLOSE, fd)
	slices.Sort(list)
	return strings.Join(list, " ")
}

// mode and size of a path.
func stat(p *kernel.Prog, name string) (mode uint32, size int64, err int64) {
	p.Scratch(func() {
		at := p.Alloc(144)
		err = path(p, unix.SYS_STAT, name, at)
		mode, size = p.Load32(at+24), int64(p.Load64(at+48))
	})
	return mode, size, err
}

var fileScenarios = []Scenario{
	{Name: "int arguments have 32 bits, whatever the upper half of the register holds", Output: "",
		Main: func(p *kernel.Prog) {
			const junk = 0xdead << 32
			null := uint64(ok(p, "open", open(p, "/dev/null", unix.O_RDWR, 0)))
			r, w := pipe(p, 0)
			at := p.Alloc(64)
			p.Store64(at, w|uint64(unix.POLLOUT)<<32)
			want(p, "poll", p.Syscall(unix.SYS_POLL, at, junk|1, junk), 1)
			want(p, "ppoll", p.Syscall(unix.SYS_PPOLL, at, junk|1, 0, 0, 0), 1)
			want(p, "dup2", p.Syscall(unix.SYS_DUP2, junk|null, null), int64(null))
			want(p, "splice", p.Syscall(unix.SYS_SPLICE, r, 0, junk|null, 0, 1, junk|unix.SPLICE_F_NONBLOCK), fails(unix.EAGAIN))
			want(p, "getrlimit", p.Syscall(unix.SYS_GETRLIMIT, junk|unix.RLIMIT_NOFILE, at), 0)
			want(p, "munlockall", p.Syscall(unix.SYS_MLOCKALL, junk), fails(unix.EINVAL))
			eventfd := uint64(ok(p, "eventfd2", p.Syscall(unix.SYS_EVENTFD2, 0, junk|unix.EFD_NONBLOCK)))
			want(p, "dup3", p.Syscall(unix.SYS_DUP3, null, eventfd, junk), int64(eventfd))
			want(p, "getrandom", p.Syscall(unix.SYS_GETRANDOM, at, 8, junk), 8)
			want(p, "fchownat", p.Syscall(unix.SYS_FCHOWNAT, null, p.Text(""), 0, 0, junk|unix.AT_EMPTY_PATH), 0)
			want(p, "newfstatat", p.Syscall(unix.SYS_NEWFSTATAT, null, p.Text(""), p.Alloc(144), junk|unix.AT_EMPTY_PATH), 0)
			want(p, "faccessat2", p.Syscall(unix.SYS_FACCESSAT2, null, p.Text(""), junk|4, junk|unix.AT_EMPTY_PATH), 0)
			want(p, "utimensat", p.Syscall(unix.SYS_UTIMENSAT, null, p.Text(""), 0, junk|unix.AT_EMPTY_PATH), 0)
			want(p, "linkat", p.Syscall(unix.SYS_LINKAT, null, p.Text(""), null, p.Text("x"), junk|0x8000), fails(unix.EINVAL))
			want(p, "tee", p.Syscall(unix.SYS_TEE, r, w, 1, junk|unix.SPLICE_F_NONBLOCK), fails(unix.EINVAL))
			want(p, "preadv2", p.Syscall(unix.SYS_PREADV2, null, at, 0, 0, 0, junk), 0)
			want(p, "mlock2", p.Syscall(unix.SYS_MLOCK2, at, 1, junk), 0)
			timer := uint64(ok(p, "timerfd_create", p.Syscall(unix.SYS_TIMERFD_CREATE, junk|unix.CLOCK_MONOTONIC, junk|unix.TFD_NONBLOCK)))
			want(p, "timerfd_settime", p.Syscall(unix.SYS_TIMERFD_SETTIME, timer, junk|unix.TFD_TIMER_ABSTIME, p.Alloc(32), 0), 0)
			ok(p, "epoll_create1", p.Syscall(unix.SYS_EPOLL_CREATE1, junk|unix.EPOLL_CLOEXEC))
			ok(p, "signalfd4", p.Syscall(unix.SYS_SIGNALFD4, ^uint64(0), p.Alloc(8), 8, junk|unix.SFD_CLOEXEC))
			want(p, "copy_file_range", p.Syscall(unix.SYS_COPY_FILE_RANGE, r, 0, w, 0, 1, junk), fails(unix.EINVAL))
			fd := ok(p, "memfd_create", p.Syscall(unix.SYS_MEMFD_CREATE, p.Text("x"), junk|unix.MFD_CLOEXEC))
			want(p, "close", p.Syscall(unix.SYS_CLOSE, junk|uint64(fd)), 0)
			want(p, "waitid", p.Syscall(unix.SYS_WAITID, junk|unix.P_ALL, 0, 0, junk|unix.WEXITED), fails(unix.ECHILD))
		}},

	{Name: "sendfile reads files, not devices and pipes", Output: "",
		Main: func(p *kernel.Prog) {
			want(p, "of nothing, from nowhere", p.Syscall(unix.SYS_SENDFILE, 98, 99, 8, 16), fails(unix.EFAULT))
			null := uint64(ok(p, "open", open(p, "/dev/null", unix.O_RDWR, 0)))
			r, w := pipe(p, 0)
			at := p.Alloc(8)
			want(p, "of a device", p.Syscall(unix.SYS_SENDFILE, null, null, 0, 16), fails(unix.EINVAL))
			want(p, "of a pipe", p.Syscall(unix.SYS_SENDFILE, null, r, 0, 16), fails(unix.EINVAL))
			want(p, "of a pipe, from a position", p.Syscall(unix.SYS_SENDFILE, null, r, at, 16), fails(unix.ESPIPE))
			want(p, "of the end that writes", p.Syscall(unix.SYS_SENDFILE, null, w, 0, 16), fails(unix.EBADF))
		}},

	{Name: "files and directories", Output: "a b dir\nb2 dir\n\ndone\n",
		Main: func(p *kernel.Prog) {
			want(p, "chdir", path(p, unix.SYS_CHDIR, "/tmp"), 0)
			fd := uint64(ok(p, "create", open(p, "a", unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o640)))
			want(p, "create again", open(p, "a", unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o640), fails(unix.EEXIST))
			want(p, "write", write(p, fd, "0123456789"), 10)
			want(p, "read of a write-only file", func() int64 { _, n := read(p, fd, 1); return n }(), fails(unix.EBADF))
			want(p, "link", path(p, unix.SYS_LINK, "a", p.Text("b")), 0)
			want(p, "mkdir", path(p, unix.SYS_MKDIR, "dir", 0o755), 0)
			p.Print(1, names(p, ".")+"\n")
			mode, size, _ := stat(p, "b")
			want(p, "mode", int64(mode), unix.S_IFREG|0o640)
			want(p, "size", size, 10)
			want(p, "unlink", path(p, unix.SYS_UNLINK, "a"), 0)
			want(p, "rename", path(p, unix.SYS_RENAME, "b", p.Text("b2")), 0)
			p.Print(1, names(p, "/tmp")+"\n")
			want(p, "unlink a directory", path(p, unix.SYS_UNLINK, "dir"), fails(unix.EISDIR))
			want(p, "rmdir a file", path(p, unix.SYS_RMDIR, "b2"), fails(unix.ENOTDIR))
			want(p, "rename into dir", path(p, unix.SYS_RENAME, "b2", p.Text("dir/x")), 0)
			want(p, "rmdir, not empty", path(p, unix.SYS_RMDIR, "dir"), fails(unix.ENOTEMPTY))
			want(p, "unlink", path(p, unix.SYS_UNLINK, "dir/x"), 0)
			want(p, "rmdir", path(p, unix.SYS_RMDIR, "dir"), 0)
			want(p, "write to the unlinked file", write(p, fd, "x"), 1)
			p.Print(1, names(p, ".")+"\n")
			want(p, "path through a file", open(p, "/bin/init/x", 0, 0), fails(unix.ENOTDIR))
			want(p, "name too long", open(p, strings.Repeat("n", 256), 0, 0), fails(unix.ENAMETOOLONG))
			p.Print(1, "done\n")
		}},

	{Name: "offsets, append, holes, truncation", Output: "done\n",
		Main: func(p *kernel.Prog) {
			fd := uint64(ok(p, "open", open(p, "/tmp/f", unix.O_RDWR|unix.O_CREAT, 0o600)))
			want(p, "lseek", p.Syscall(unix.SYS_LSEEK, fd, 100000, unix.SEEK_SET), 100000)
			want(p, "write", write(p, fd, "end"), 3)
			want(p, "lseek to the end", p.Syscall(unix.SYS_LSEEK, fd, 0, unix.SEEK_END), 100003)
			want(p, "lseek before the start", p.Syscall(unix.SYS_LSEEK, fd, ^uint64(0), unix.SEEK_SET), fails(unix.EINVAL))
			p.Syscall(unix.SYS_LSEEK, fd, 50000, unix.SEEK_SET)
			text, _ := read(p, fd, 4)
			check(p, "a hole reads as zeros", text == "\x00\x00\x00\x00")
			app := uint64(ok(p, "open", open(p, "/tmp/f", unix.O_WRONLY|unix.O_APPEND, 0)))
			write(p, app, "!")
			_, size, _ := stat(p, "/tmp/f")
			want(p, "size", size, 100004)
			want(p, "ftruncate", p.Syscall(unix.SYS_FTRUNCATE, fd, 10), 0)
			want(p, "ftruncate", p.Syscall(unix.SYS_FTRUNCATE, fd, 20), 0)
			p.Syscall(unix.SYS_LSEEK, fd, 0, unix.SEEK_SET)
			text, _ = read(p, fd, 100)
			check(p, "zeros after growing", text == strings.Repeat("\x00", 20))
			_, n := read(p, fd, 1)
			want(p, "end of file", n, 0)
			p.Print(1, "done\n")
		}},

	{Name: "large writes and vectors", Output: "done\n",
		Main: func(p *kernel.Prog) {
			fd := uint64(ok(p, "open", open(p, "/tmp/f", unix.O_RDWR|unix.O_CREAT, 0o600)))
			const size = 70001
			b := make([]byte, size)
			for i := range b {
				b[i] = byte(i * 7)
			}
			at := p.Put(b)
			want(p, "write", p.Syscall(unix.SYS_WRITE, fd, at, size), size)
			iov := p.Alloc(48)
			back := p.Alloc(size)
			for i, n := range []uint64{1, 40000, size} {
				p.Store64(iov+uint64(16*i), back)
				p.Store64(iov+uint64(16*i)+8, n)
				back += n
			}
			want(p, "preadv", p.Syscall(unix.SYS_PREADV, fd, iov, 3, 0, 0), size)
			got := make([]byte, size)
			p.Get(p.Load64(iov), got)
			check(p, "contents", string(got) == string(b))
			want(p, "writev, bad count", p.Syscall(unix.SYS_WRITEV, fd, iov, 2000), fails(unix.EINVAL))
			p.Store64(iov, 8)
			want(p, "writev, bad address", p.Syscall(unix.SYS_WRITEV, fd, iov, 1), fails(unix.EFAULT))
			p.Print(1, "done\n")
		}},

	{Name: "descriptors", Output: "done\n",
		Main: func(p *kernel.Prog) {
			a := uint64(ok(p, "open", open(p, "/tmp/f", unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)))
			want(p, "lowest number", int64(a), 3)
			want(p, "F_GETFD", p.Syscall(unix.SYS_FCNTL, a, unix.F_GETFD), unix.FD_CLOEXEC)
			want(p, "dup", p.Syscall(unix.SYS_DUP, a), 4)
			want(p, "F_GETFD of it", p.Syscall(unix.SYS_FCNTL, 4, unix.F_GETFD), 0)
			want(p, "F_DUPFD", p.Syscall(unix.SYS_FCNTL, a, unix.F_DUPFD, 100), 100)
			want(p, "close_range", p.Syscall(unix.SYS_CLOSE_RANGE, 4, 200, 0), 0)
			want(p, "close", p.Syscall(unix.SYS_CLOSE, 4), fails(unix.EBADF))
			want(p, "dup2 to itself", p.Syscall(unix.SYS_DUP2, a, a), int64(a))
			want(p, "dup3 to itself", p.Syscall(unix.SYS_DUP3, a, a, 0), fails(unix.EINVAL))
			lim := p.Alloc(16)
			p.Store64(lim, 10)
			p.Store64(lim+8, 10)
			want(p, "prlimit", p.Syscall(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, lim, 0), 0)
			var n int64
			for n = 0; n >= 0; n = p.Syscall(unix.SYS_DUP, a) {
			}
			want(p, "too many", n, fails(unix.EMFILE))
			want(p, "the last one", p.Syscall(unix.SYS_FCNTL, 9, unix.F_GETFD), 0)
			p.Print(1, "done\n")
		}},

	{Name: "symbolic links", Output: "/tmp/target done\n",
		Main: func(p *kernel.Prog) {
			want(p, "symlink", path(p, unix.SYS_SYMLINK, "/tmp/target", p.Text("/tmp/link")), 0)
			want(p, "dangling", open(p, "/tmp/link", 0, 0), fails(unix.ENOENT))
			fd := uint64(ok(p, "create through it", open(p, "/tmp/link", unix.O_CREAT|unix.O_WRONLY, 0o600)))
			write(p, fd, "abc")
			_, size, _ := stat(p, "/tmp/target")
			want(p, "size", size, 3)
			buf := p.Alloc(100)
			n := ok(p, "readlink", path(p, unix.SYS_READLINK, "/tmp/link", buf, 100))
			text := p.Bytes(buf, n)
			want(p, "O_NOFOLLOW", open(p, "/tmp/link", unix.O_NOFOLLOW, 0), fails(unix.ELOOP))
			want(p, "loop", path(p, unix.SYS_SYMLINK, "/tmp/loop", p.Text("/tmp/loop")), 0)
			want(p, "open a loop", open(p, "/tmp/loop", 0, 0), fails(unix.ELOOP))
			p.Print(1, string(text)+" done\n")
		}},

	{Name: "pipes block, end, and count", Output: "onetwo\nend\n65536\nEAGAIN\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			pid := p.Fork(func(p *kernel.Prog) {
				p.Syscall(unix.SYS_CLOSE, r)
				write(p, w, "one")
				sleep(p, 1e6)
				write(p, w, "two")
			})
			p.Syscall(unix.SYS_CLOSE, w)
			var all string
			for {
				text, n := read(p, r, 100)
				if n <= 0 {
					break
				}
				all += text
			}
			p.Print(1, all+"\nend\n")
			wait(p, pid, 0)
			_, w = pipe(p, unix.O_NONBLOCK)
			at := p.Alloc(4096)
			total := int64(0)
			var n int64
			for n = 0; n >= 0; n = p.Syscall(unix.SYS_WRITE, w, at, 4096) {
				total += n
			}
			p.Print(1, fmt.Sprintf("%d\n%s\n", total, result(n)))
		}},

	{Name: "a writer of more than a pipe holds", Output: "200000 right\n",
		Main: func(p *kernel.Prog) {
			r, w := pipe(p, 0)
			const size = 200000
			pid := p.Fork(func(p *kernel.Prog) {
				p.Syscall(unix.SYS_CLOSE, r)
				b := make([]byte, size)
				for i := range b {
					b[i] = byte(i % 251)
				}
				want(p, "write", p.Syscall(unix.SYS_WRITE, w, p.Put(b), size), size)
			})
			p.Syscall(unix.SYS_CLOSE, w)
			n, right := 0, true
			for {
				text, got := read(p, r, 3000)
				if got <= 0 {
					break
				}
				for i := range len(text) {
					right = right && text[i] == byte((n+i)%251)
				}
				n += len(text)
			}
			wait(p, pid, 0)
			if right {
				p.Print(1, fmt.Sprintf("%d right\n", n))
			}
		}},

	{Name: "socket pairs pass bytes and descriptors", Output: "ping pong via fd\n",
		Main: func(p *kernel.Prog) {
			sv := p.Alloc(8)
			want(p, "socketpair", p.Syscall(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM, 0, sv), 0)
			a, b := uint64(p.Load32(sv)), uint64(p.Load32(sv+4))
			r, w := pipe(p, 0)
			pid := p.Fork(func(p *kernel.Prog) {
				text, _ := read(p, b, 10)
				p.Print(1, text)
				// one byte, with the write end of the pipe beside it
				control := p.Alloc(24)
				p.Store64(control, 20)
				p.Store32(control+8, unix.SOL_SOCKET)
				p.Store32(control+12, unix.SCM_RIGHTS)
				p.Store32(control+16, uint32(w))
				want(p, "sendmsg", p.Syscall(unix.SYS_SENDMSG, b, message(p, "pong ", control, 24), 0), 5)
			})
			p.Syscall(unix.SYS_CLOSE, w)
			write(p, a, "ping ")
			control := p.Alloc(24)
			msg := message(p, "12345", control, 24)
			want(p, "recvmsg", p.Syscall(unix.SYS_RECVMSG, a, msg, 0), 5)
			text := make([]byte, 5)
			p.Get(p.Load64(p.Load64(msg+16)), text)
			p.Print(1, string(text))
			fd := uint64(p.Load32(control + 16))
			wait(p, pid, 0)
			write(p, fd, "via fd\n")
			got, _ := read(p, r, 20)
			p.Print(1, got)
		}},

	{Name: "a stream says who sent what is received", Output: "",
		Main: func(p *kernel.Prog) {
			sv := p.Alloc(8)
			want(p, "socketpair", p.Syscall(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM, 0, sv), 0)
			a, b := uint64(p.Load32(sv)), uint64(p.Load32(sv+4))
			name, size := p.Alloc(112), p.Alloc(8)
			receive := func() (uint32, string) {
				p.Store32(size, 110)
				want(p, "recvfrom", p.Syscall(unix.SYS_RECVFROM, a, p.Alloc(8), 1, 0, name, size), 1)
				return p.Load32(size), p.String(name + 2)
			}
			write(p, b, "1")
			n, _ := receive()
			want(p, "size of no name", int64(n), 0)
			want(p, "bind", p.Syscall(unix.SYS_BIND, b, p.Put([]byte("\x01\x00/tmp/s\x00")), 9), 0)
			write(p, b, "2")
			n, path := receive()
			want(p, "size of the name", int64(n), 9)
			check(p, path, path == "/tmp/s")
		}},

	{Name: "every socket knows the loopback interface", Output: "",
		Main: func(p *kernel.Prog) {
			s := uint64(ok(p, "socket", p.Syscall(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_DGRAM, 0)))
			ask := func(cmd uint64, name string, value uint32) (int64, uint32, string) {
				request := p.Alloc(40)
				p.Set(request, []byte(name))
				p.Store32(request+16, value)
				return p.Syscall(unix.SYS_IOCTL, s, cmd, request), p.Load32(request + 16), p.String(request)
			}
			for _, q := range []struct {
				cmd    uint64
				answer uint32
			}{{unix.SIOCGIFINDEX, 1}, {unix.SIOCGIFFLAGS, unix.IFF_LOOPBACK | 7<<16}, {unix.SIOCGIFMETRIC, 0}, {unix.SIOCGIFMTU, 65536},
				{unix.SIOCGIFTXQLEN, 1000}, {unix.SIOCGIFMAP, 0}, {unix.SIOCGIFHWADDR, 772}} {
				for _, name := range []string{"lo", "lo:label"} {
					r, answer, same := ask(q.cmd, name, 7<<16)
					want(p, name, r, 0)
					want(p, "answer", int64(answer), int64(q.answer))
					check(p, same, same == name)
				}
				r, _, _ := ask(q.cmd, "eth0", 0)
				want(p, "eth0", r, fails(unix.ENODEV))
			}
			r, _, name := ask(unix.SIOCGIFNAME, "x", 1)
			want(p, "name", r, 0)
			check(p, name, name == "lo")
			r, _, _ = ask(unix.SIOCGIFNAME, "lo", 2)
			want(p, "no such index", r, fails(unix.ENODEV))
			r, _, _ = ask(unix.SIOCGIFADDR, "lo", 0)
			want(p, "address", r, fails(unix.ENOTTY))
			r, _, _ = ask(unix.SIOCGIFCONF, "\x28", 0)
			want(p, "list", r, 0)
		}},

	{Name: "proc", Output: "done\n",
		Main: func(p *kernel.Prog) {
			for name, contains := range map[string]string{
				"/proc/self/cmdline": "/bin/init\x00",
				"/proc/self/status":  "Name:\tinit\n",
				"/proc/self/maps":    "[stack]",
				"/proc/self/environ": "PATH=/bin\x00",
				"/proc/meminfo":      "MemTotal:",
				"/proc/self/comm":    "init\n",
				"/proc/version":      "Linux version",
				"/proc/filesystems":  "tmpfs",
				"/proc/self/stat":    "(init) R ",
			} {
				fd := ok(p, "open "+name, open(p, name, 0, 0))
				if fd < 0 {
					continue
				}
				text, _ := read(p, uint64(fd), 4000)
				check(p, name, strings.Contains(text, contains))
				p.Syscall(unix.SYS_CLOSE, uint64(fd))
			}
			p.Print(1, "done\n")
		}},

	{Name: "the attributes of a process's directory are fixed, and the modes below it", Output: "",
		Main: func(p *kernel.Prog) {
			for _, name := range []string{"/proc/self", fmt.Sprintf("/proc/self/task/%d", getpid(p))} {
				want(p, name, path(p, unix.SYS_CHMOD, name, 0o555), fails(unix.EPERM))
				want(p, name, path(p, unix.SYS_CHOWN, name, 0, 0), fails(unix.EPERM))
				want(p, name, path(p, unix.SYS_UTIMES, name, 0), fails(unix.EPERM))
				want(p, name, path(p, unix.SYS_MKDIR, name+"/x", 0o755), fails(unix.ENOENT))
			}
			want(p, "chmod", path(p, unix.SYS_CHMOD, "/proc/self/stat", 0o444), fails(unix.EPERM))
			want(p, "chmod", path(p, unix.SYS_CHMOD, "/proc/self/fd", 0o555), fails(unix.EPERM))
			want(p, "chown", path(p, unix.SYS_CHOWN, "/proc/self/stat", 0, 0), 0)
			want(p, "utimes", path(p, unix.SYS_UTIMES, "/proc/self/stat", 0), 0)
			want(p, "chmod", path(p, unix.SYS_CHMOD, "/proc/uptime", 0o444), 0)
		}},

	{Name: "devices", Output: "done\n",
		Main: func(p *kernel.Prog) {
			null := uint64(ok(p, "open", open(p, "/dev/null", unix.O_RDWR, 0)))
			want(p, "write", write(p, null, "gone"), 4)
			_, n := read(p, null, 4)
			want(p, "read", n, 0)
			zero := uint64(ok(p, "open", open(p, "/dev/zero", unix.O_RDWR, 0)))
			text, _ := read(p, zero, 4)
			check(p, "zeros", text == "\x00\x00\x00\x00")
			full := uint64(ok(p, "open", open(p, "/dev/full", unix.O_RDWR, 0)))
			want(p, "full", write(p, full, "x"), fails(unix.ENOSPC))
			at := p.Alloc(32)
			want(p, "getrandom", p.Syscall(unix.SYS_GETRANDOM, at, 16, 0), 16)
			check(p, "random", p.Load64(at) != 0 && p.Load64(at) != p.Load64(at+8))
			p.Print(1, "done\n")
		}},
}

// message is a msghdr with one piece of data.
func message(p *kernel.Prog, text string, control, length uint64) uint64 {
	iov := p.Alloc(16)
	p.Store64(iov, p.Put([]byte(text)))
	p.Store64(iov+8, uint64(len(text)))
	m := p.Alloc(56)
	p.Store64(m+16, iov)
	p.Store64(m+24, 1)
	p.Store64(m+32, control)
	p.Store64(m+40, length)
	return m
}
