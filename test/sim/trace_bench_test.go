package sim

import (
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// BenchmarkTraceStops is what a stop costs the personality: let go, stop, wait.
func BenchmarkTraceStops(b *testing.B) {
	for _, c := range []struct {
		name    string
		request uint64
	}{{"call", unix.PTRACE_SYSCALL}, {"step", unix.PTRACE_SINGLESTEP}} {
		b.Run(c.name, func(b *testing.B) {
			m := Boot(b, Options{})
			m.Program("/bin/init", func(p *kernel.Prog) {
				pid := tracee(p, unix.PTRACE_O_TRACESYSGOOD, func(p *kernel.Prog) {
					at := p.Alloc(8)
					for {
						if c.request == unix.PTRACE_SYSCALL {
							getpid(p)
						} else {
							p.Store64(at, 1)
						}
					}
				})
				st := p.Alloc(8)
				for range b.N {
					p.Syscall(unix.SYS_PTRACE, c.request, uint64(pid), 0, 0)
					p.Syscall(unix.SYS_WAIT4, uint64(pid), st, unix.WALL, 0)
				}
				kill(p, pid, unix.SIGKILL)
			})
			m.Start("/bin/init")
			b.ResetTimer()
			m.Kernel.Run(1<<40, m.Over)
		})
	}
}
