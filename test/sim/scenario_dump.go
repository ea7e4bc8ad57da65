package sim

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// coreLimit sets RLIMIT_CORE.
func coreLimit(p *kernel.Prog, bytes uint64) {
	p.Scratch(func() {
		at := p.Alloc(16)
		p.Store64(at, bytes)
		p.Store64(at+8, ^uint64(0))
		want(p, "setrlimit", p.Syscall(unix.SYS_SETRLIMIT, unix.RLIMIT_CORE, at), 0)
	})
}

// store writes a text to a file that exists, or makes it.
func store(p *kernel.Prog, name, text string) int64 {
	fd := open(p, name, unix.O_WRONLY|unix.O_CREAT, 0600)
	if fd < 0 {
		return fd
	}
	n := write(p, uint64(fd), text)
	p.Syscall(unix.SYS_CLOSE, uint64(fd))
	return n
}

// headOf is the beginning of a file, or the error.
func headOf(p *kernel.Prog, name string, n int) string {
	fd := open(p, name, unix.O_RDONLY, 0)
	if fd < 0 {
		return result(fd)
	}
	text, _ := read(p, uint64(fd), n)
	p.Syscall(unix.SYS_CLOSE, uint64(fd))
	return text
}

// dies forks a child that dies of a fault, and says how.
func dies(p *kernel.Prog, child kernel.Program) {
	_, status := wait(p, p.Fork(func(p *kernel.Prog) {
		path(p, unix.SYS_CHDIR, "/tmp")
		child(p)
		p.Load64(8)
	}), 0)
	say(p, "%#x", status)
}

// statusNote is how the note of a thread begins: the sizes of name and contents, and its type.
const statusNote = "\x05\x00\x00\x00\x50\x01\x00\x00\x01\x00\x00\x00CORE"

// thread makes a thread of the calling process.
func thread(p *kernel.Prog, f kernel.Program) int64 {
	const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
	const stack = 1 << 16
	at := p.Syscall(unix.SYS_MMAP, 0, stack, rw, private, noFile, 0)
	return ok(p, "clone", p.Clone(f, flags, uint64(at)+stack, 0, 0, 0))
}

// Core files (core(5)).
var dumpScenarios = []Scenario{
	{Name: "dump: a core file is written where the limit allows, and the wait status says so",
		Output: "0xb\nENOENT\n0x8b\n\"\\x7fELF\\x02\\x01\\x01\"\n0x9\nENOENT\n0x8b\n4096\n",
		Main: func(p *kernel.Prog) {
			path(p, unix.SYS_MKDIR, "/tmp", 0777)
			core := func() { say(p, "%s", headOf(p, "/tmp/core", 7)) }
			dies(p, func(p *kernel.Prog) { coreLimit(p, 4095) })
			core()
			dies(p, func(p *kernel.Prog) { coreLimit(p, ^uint64(0)) })
			say(p, "%q", headOf(p, "/tmp/core", 7))
			path(p, unix.SYS_UNLINK, "/tmp/core")
			dies(p, func(p *kernel.Prog) { coreLimit(p, ^uint64(0)); kill(p, getpid(p), unix.SIGKILL) })
			core()
			dies(p, func(p *kernel.Prog) { coreLimit(p, 4096) })
			p.Scratch(func() {
				at := p.Alloc(256)
				want(p, "stat", p.Syscall(unix.SYS_STAT, p.Text("/tmp/core"), at), 0)
				say(p, "%d", p.Load64(at+48))
			})
		}},
	{Name: "dump: names, and files that somebody put there",
		Output: "core.%e.%s%%\n0x8b\nELF\n0x8b\nELF\n0xb\nENOENT\n0xb\nmine\n0xb\nENOTSUP\n",
		Main: func(p *kernel.Prog) {
			path(p, unix.SYS_MKDIR, "/tmp", 0777)
			all := func(p *kernel.Prog) {
				coreLimit(p, ^uint64(0))
				store(p, "/proc/self/coredump_filter", "0") // small ones
			}
			elf := func(name string) { say(p, "%s", strings.TrimPrefix(headOf(p, name, 4), "\x7f")) }
			store(p, "/proc/sys/kernel/core_pattern", "core.%e.%s%%\n")
			p.Print(1, headOf(p, "/proc/sys/kernel/core_pattern", 100))
			dies(p, all)
			elf("/tmp/core.init.11%")
			store(p, "/proc/sys/kernel/core_pattern", "/tmp/c\n")
			store(p, "/proc/sys/kernel/core_uses_pid", "1\n")
			pid := int64(0)
			dies(p, func(p *kernel.Prog) { all(p); pid = getpid(p) })
			elf(fmt.Sprintf("/tmp/c.%d", pid))
			path(p, unix.SYS_UNLINK, fmt.Sprintf("/tmp/c.%d", pid))
			store(p, "/proc/sys/kernel/core_uses_pid", "0\n")
			path(p, unix.SYS_UNLINK, "/tmp/c")
			p.Scratch(func() { p.Syscall(unix.SYS_SYMLINK, p.Text("/tmp/d"), p.Text("/tmp/c")) })
			dies(p, all) // never through a symbolic link
			say(p, "%s", headOf(p, "/tmp/d", 4))
			path(p, unix.SYS_UNLINK, "/tmp/c")
			store(p, "/tmp/c", "mine")
			path(p, unix.SYS_CHMOD, "/tmp/c", 0644)
			dies(p, all) // nor into a file that others may read
			say(p, "%s", headOf(p, "/tmp/c", 4))
			path(p, unix.SYS_UNLINK, "/tmp/c")
			dies(p, func(p *kernel.Prog) { all(p); p.Syscall(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0) })
			say(p, "%s", result(store(p, "/proc/sys/kernel/core_pattern", "|/bin/cat")))
		}},
	{Name: "dump: new credentials, and a program that cannot be read, make a process undumpable", Output: "1 0 1 0\n",
		Programs: map[string]kernel.Program{"/bin/tell": func(p *kernel.Prog) {
			p.Print(1, fmt.Sprintf(" %d", p.Syscall(unix.SYS_PRCTL, unix.PR_GET_DUMPABLE)))
		}},
		Main: func(p *kernel.Prog) {
			as := func(execute bool) {
				wait(p, p.Fork(func(p *kernel.Prog) {
					want(p, "setuid", p.Syscall(unix.SYS_SETUID, 7), 0)
					if execute {
						p.Syscall(unix.SYS_EXECVE, p.Text("/bin/tell"), p.Vector("tell"), p.Vector())
					}
					p.Print(1, fmt.Sprintf(" %d", p.Syscall(unix.SYS_PRCTL, unix.PR_GET_DUMPABLE)))
				}), 0)
			}
			p.Print(1, fmt.Sprint(p.Syscall(unix.SYS_PRCTL, unix.PR_GET_DUMPABLE)))
			as(false)
			as(true)
			path(p, unix.SYS_CHMOD, "/bin/tell", 0711)
			as(true)
			p.Print(1, "\n")
		}},
	{Name: "dump: all threads are in the file, running and blocked ones, and the tracer sees each end",
		Output: "event exit 0x8b\nkilled 11\n4\n",
		Main: func(p *kernel.Prog) {
			path(p, unix.SYS_MKDIR, "/tmp", 0777)
			path(p, unix.SYS_CHDIR, "/tmp")
			pid := tracee(p, unix.PTRACE_O_TRACEEXIT, func(p *kernel.Prog) {
				coreLimit(p, ^uint64(0))
				thread(p, func(p *kernel.Prog) { p.Syscall(unix.SYS_PAUSE) })
				thread(p, func(p *kernel.Prog) { p.Syscall(unix.SYS_PAUSE) })
				thread(p, func(p *kernel.Prog) {
					for {
						p.Compute(1000)
					}
				})
				sleep(p, 1e5)
				p.Load64(8)
			})
			cont(p, unix.PTRACE_CONT, pid, 0)
			expect(p, pid, "signal 11")
			cont(p, unix.PTRACE_CONT, pid, unix.SIGSEGV)
			say(p, "%s %#x", stopOf(p, pid), eventMessage(p, pid))
			cont(p, unix.PTRACE_CONT, pid, 0)
			say(p, "%s", stopOf(p, pid))
			say(p, "%d", strings.Count(headOf(p, "/tmp/core", 1<<14), statusNote))
		}},
}
