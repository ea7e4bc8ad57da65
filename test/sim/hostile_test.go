package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// Calls that a random program does not make: they end it, wait for ever, or start
// something that this test could not tell apart from itself.
var leftOut = map[uintptr]bool{
	unix.SYS_EXIT: true, unix.SYS_EXIT_GROUP: true, unix.SYS_RT_SIGRETURN: true,
	unix.SYS_PAUSE: true, unix.SYS_RT_SIGSUSPEND: true, unix.SYS_FORK: true, unix.SYS_VFORK: true, unix.SYS_CLONE: true, unix.SYS_CLONE3: true,
}

// hostile makes n system calls at random, with arguments that are wrong in every way.
func hostile(p *kernel.Prog, r *rand.Rand, n int) {
	const size = 16 * page
	memory := uint64(p.Syscall(unix.SYS_MMAP, 0, size, rw, private, noFile, 0))
	readOnly := uint64(p.Syscall(unix.SYS_MMAP, 0, page, unix.PROT_READ, private, noFile, 0))
	argument := func() uint64 {
		switch r.IntN(12) {
		case 0:
			return 0
		case 1:
			return ^uint64(0) - uint64(r.IntN(3))
		case 2:
			return memory + uint64(r.IntN(size))
		case 3:
			return memory + size - uint64(r.IntN(16)) // the end is inside
		case 4:
			return readOnly
		case 5:
			return 1<<47 - uint64(r.IntN(8192))
		case 6:
			return 0xffff_8000_0000_0000 + r.Uint64()>>20
		case 7:
			return 1 << r.IntN(64)
		case 8:
			return r.Uint64()
		case 9:
			return uint64(r.IntN(4096))
		}
		return uint64(r.IntN(12)) // descriptors, signals, commands
	}
	// What blocks is interrupted after a while.
	p.Sigaction(int(unix.SIGALRM), p.Handler(func(*kernel.Prog, int, uint64, uint64) {}), 0, 0)
	p.Store64(memory+8, 7000)
	p.Store64(memory+24, 7000)
	p.Syscall(unix.SYS_SETITIMER, 0, memory, 0)
	for range n {
		nr := uintptr(r.IntN(470))
		if leftOut[nr] {
			continue
		}
		if r.IntN(4) == 0 { // what a pointer points to is hostile too
			p.Store64(memory+uint64(r.IntN(size-8)), argument())
		}
		p.Syscall(nr, argument(), argument(), argument(), argument(), argument(), argument())
	}
}

// Random calls with hostile arguments hurt nobody but the one who makes them: the
// personality goes on, its state can still be taken over, nothing stays behind.
func TestHostileCalls(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := Boot(t, Options{Config: kernel.Config{Seed: seed}})
			m.Program("/bin/init", func(p *kernel.Prog) {
				bystander := p.Fork(func(p *kernel.Prog) {
					for {
						sleep(p, 10e6)
					}
				})
				for i := range uint64(24) {
					r := rand.New(rand.NewPCG(seed, i))
					p.Fork(func(p *kernel.Prog) {
						p.Syscall(unix.SYS_CLOSE_RANGE, 0, 2, 0) // the output is the judge's
						p.Syscall(unix.SYS_SETSID)
						p.Syscall(unix.SYS_SETRESGID, 1000, 1000, 1000)
						p.Syscall(unix.SYS_SETRESUID, 1000, 1000, 1000)
						hostile(p, r, 600)
					})
				}
				sleep(p, 5e9)
				got, _ := wait(p, bystander, unix.WNOHANG)
				want(p, "the bystander", got, 0)
				want(p, "kill all", kill(p, -1, unix.SIGKILL), 0)
				for {
					if pid, _ := wait(p, -1, 0); pid < 0 {
						want(p, "wait", pid, fails(unix.ECHILD))
						break
					}
				}
			})
			m.EveryMessage(400)
			m.Run("/bin/init")
			m.Expect(Exited(0), "")
		})
	}
}
