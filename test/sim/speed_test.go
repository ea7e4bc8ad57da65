package sim

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// leastSpeed is the system calls a second that the simulation must do at
// least, personality and pager included. It does many times that; the rest is for
// slow and busy machines.
const leastSpeed = 10_000

// calls makes n system calls of a mix that programs make: nothing, files, pipes,
// memory that is touched.
func calls(p *kernel.Prog, n int) {
	r, w := pipe(p, 0)
	at := p.Alloc(64)
	for range n / 4 {
		p.Syscall(unix.SYS_GETPPID)
		p.Syscall(unix.SYS_WRITE, w, at, 1)
		p.Syscall(unix.SYS_READ, r, at, 1)
		p.Syscall(unix.SYS_LSEEK, 99, 0, 0)
	}
}

func TestTheSimulationIsFastEnough(t *testing.T) {
	const n = 40_000
	m := Boot(t, Options{})
	m.Program("/bin/init", func(p *kernel.Prog) { calls(p, n) })
	start := time.Now()
	m.Run("/bin/init")
	m.Expect(Exited(0), "")
	if rate := n / time.Since(start).Seconds(); rate < leastSpeed {
		t.Errorf("%.0f system calls a second, at least %d are wanted", rate, leastSpeed)
	} else {
		t.Logf("%.0f system calls a second", rate)
	}
}

func BenchmarkSystemCalls(b *testing.B) {
	m := Boot(b, Options{})
	m.Program("/bin/init", func(p *kernel.Prog) { calls(p, b.N) })
	m.Start("/bin/init")
	b.ReportAllocs()
	b.ResetTimer()
	m.Finish()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syscalls/s")
}

// BenchmarkProcesses is fork, exit and wait.
func BenchmarkProcesses(b *testing.B) {
	m := Boot(b, Options{})
	m.Program("/bin/init", func(p *kernel.Prog) {
		for range b.N {
			wait(p, p.Fork(func(*kernel.Prog) {}), 0)
		}
	})
	m.Start("/bin/init")
	b.ResetTimer()
	m.Finish()
}
