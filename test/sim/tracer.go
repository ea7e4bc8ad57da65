package sim

import (
	"fmt"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// What scenarios need to trace: requests of ptrace(2), stops by name, registers by offset.

// Offsets in struct user (sys/user.h) of registers that scenarios look at.
const (
	userAX     = 80
	userOrigAX = 120
	userDI     = 112
	userIP     = 128
	userFlags  = 144
	userDebug  = 848
)

// trace makes a ptrace(2) request.
func trace(p *kernel.Prog, request uint64, tid int64, addr, data uint64) int64 {
	return p.Syscall(unix.SYS_PTRACE, request, uint64(tid), addr, data)
}

// peekUser reads a word of struct user.
func peekUser(p *kernel.Prog, tid int64, off uint64) (v uint64) {
	p.Scratch(func() {
		at := p.Alloc(8)
		ok(p, "PEEKUSER", trace(p, unix.PTRACE_PEEKUSR, tid, off, at))
		v = p.Load64(at)
	})
	return v
}

func pokeUser(p *kernel.Prog, tid int64, off, v uint64) {
	want(p, "POKEUSER", trace(p, unix.PTRACE_POKEUSR, tid, off, v), 0)
}

// eventMessage is PTRACE_GETEVENTMSG.
func eventMessage(p *kernel.Prog, tid int64) (v int64) {
	p.Scratch(func() {
		at := p.Alloc(8)
		ok(p, "GETEVENTMSG", trace(p, unix.PTRACE_GETEVENTMSG, tid, 0, at))
		v = int64(p.Load64(at))
	})
	return v
}

// stopInfo is the si_signo and si_code of PTRACE_GETSIGINFO, or the error.
func stopInfo(p *kernel.Prog, tid int64) string {
	s := ""
	p.Scratch(func() {
		at := p.Alloc(128)
		if r := trace(p, unix.PTRACE_GETSIGINFO, tid, 0, at); r != 0 {
			s = result(r)
			return
		}
		s = fmt.Sprintf("%d/%#x", p.Load32(at), p.Load32(at+8))
	})
	return s
}

// stopName says what a wait status means to a tracer.
func stopName(status uint32) string {
	events := map[uint32]string{unix.PTRACE_EVENT_FORK: "fork", unix.PTRACE_EVENT_VFORK: "vfork", unix.PTRACE_EVENT_CLONE: "clone",
		unix.PTRACE_EVENT_EXEC: "exec", unix.PTRACE_EVENT_VFORK_DONE: "vfork done", unix.PTRACE_EVENT_EXIT: "exit",
		unix.PTRACE_EVENT_SECCOMP: "seccomp", unix.PTRACE_EVENT_STOP: "stop"}
	switch sig := status >> 8 & 0xff; {
	case status&0xff != 0x7f && status&0x7f != 0:
		return fmt.Sprintf("killed %d", status&0x7f)
	case status&0xff != 0x7f:
		return fmt.Sprintf("exited %d", status>>8)
	case status>>16 == unix.PTRACE_EVENT_STOP:
		return fmt.Sprintf("event stop %d", sig)
	case status>>16 != 0:
		return "event " + events[status>>16]
	case sig == uint32(unix.SIGTRAP)|0x80:
		return "call"
	default:
		return fmt.Sprintf("signal %d", sig)
	}
}

// stopOf waits for a tracee and says what it is held for.
func stopOf(p *kernel.Prog, tid int64) string {
	got, status := wait(p, tid, unix.WALL)
	if got < 0 {
		return result(got)
	}
	return stopName(status)
}

// expect waits for a tracee and compares what it is held for.
func expect(p *kernel.Prog, tid int64, name string) {
	if got := stopOf(p, tid); got != name {
		p.Print(1, fmt.Sprintf("%s, want %s\n", got, name))
	}
}

// say prints a line.
func say(p *kernel.Prog, format string, args ...any) { p.Print(1, fmt.Sprintf(format+"\n", args...)) }

// cont lets a tracee go on in some way with a signal.
func cont(p *kernel.Prog, request uint64, tid int64, sig unix.Signal) {
	want(p, "resume", trace(p, request, tid, 0, uint64(sig)), 0)
}

// tracee forks a child that is traced and held in its own SIGSTOP.
func tracee(p *kernel.Prog, options uint64, child kernel.Program) int64 {
	pid := ok(p, "fork", p.Fork(func(p *kernel.Prog) {
		want(p, "TRACEME", trace(p, unix.PTRACE_TRACEME, 0, 0, 0), 0)
		kill(p, getpid(p), unix.SIGSTOP)
		child(p)
	}))
	expect(p, pid, "signal 19")
	want(p, "SETOPTIONS", trace(p, unix.PTRACE_SETOPTIONS, pid, 0, options), 0)
	return pid
}

// blocked waits until a thread is blocked in a call: its state in /proc.
func blocked(p *kernel.Prog, tid int64) {
	for {
		state := byte(0)
		p.Scratch(func() {
			fd := open(p, fmt.Sprintf("/proc/%d/stat", tid), unix.O_RDONLY, 0)
			if fd < 0 {
				return
			}
			text, _ := read(p, uint64(fd), 200)
			p.Syscall(unix.SYS_CLOSE, uint64(fd))
			for i := len(text) - 1; i >= 0; i-- {
				if text[i] == ')' && i+2 < len(text) {
					state = text[i+2]
					return
				}
			}
		})
		if state == 'S' || state == 'D' || state == 0 {
			return
		}
		sleep(p, 1e5)
	}
}
