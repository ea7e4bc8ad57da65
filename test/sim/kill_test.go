package sim

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// killSteps is at most how many moments of a scenario are tried, in even steps.
const killSteps = 120

// victims is who is killed: the scenario's own process, which is the tracer, and those that it
// makes, in the order of their numbers.
const victims = 3

// deaths is a schedule of deaths: a scenario is run again and again, each time with one process
// killed a little later.
type deaths struct {
	t      *testing.T
	s      *Scenario
	length int64 // ns that the scenario takes
	seen   []string
}

// Tracer and tracee, parent and child, reader and writer are killed at every step of every scenario:
// the others go on or can be ended, and nothing is left of anybody.
func TestDeathAtEveryStep(t *testing.T) {
	each(t, func(t *testing.T, s *Scenario) {
		d := deaths{t: t, s: s}
		if s.During != nil {
			d.apart()
			return
		}
		d.boot(d.measure)
		for victim := int64(0); victim < victims && !t.Failed(); victim++ {
			d.boot(func(p *kernel.Prog) { d.schedule(p, victim) })
		}
	})
}

// boot runs main in the scenario's place.
func (d *deaths) boot(main kernel.Program) {
	s := *d.s
	s.Main = main
	m := s.Boot(d.t, Options{Config: kernel.Config{MemoryPages: 1 << 14}}) // core files that nobody removes
	m.Run(append([]string{"/bin/init"}, s.Args...)...)
	if e := m.Ending(); e != Exited(0) {
		d.t.Errorf("%v", e)
	}
	for _, line := range d.seen {
		d.t.Error(line)
	}
	d.seen = nil
}

// apartSteps is killSteps of a scenario that has a machine for each death.
const apartSteps = 30

// apart gives each death a machine of its own: what is typed during the scenario comes at the same time each time.
func (d *deaths) apart() {
	d.boot(d.measure)
	step := max(1, d.length/apartSteps)
	for victim := int64(0); victim < victims && !d.t.Failed(); victim++ {
		for at := int64(0); at < d.length && !d.t.Failed(); at += step {
			d.boot(func(p *kernel.Prog) {
				d.prepare(p)
				d.once(p, victim, at)
			})
		}
	}
}

// typed are the signals that keys and windows make, which are the scenario's and not for who watches it.
var typed = []unix.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGHUP, unix.SIGWINCH}

func (d *deaths) prepare(p *kernel.Prog) {
	p.Syscall(unix.SYS_PRCTL, unix.PR_SET_CHILD_SUBREAPER, 1)
	p.Syscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, 1) // its deaths come when they should
	h := p.Handler(func(*kernel.Prog, int, uint64, uint64) {})
	for _, s := range typed {
		p.Sigaction(int(s), h, saRestart, 0)
	}
	adjustOOM(p, "-1000") // memory that runs out is the scenario's, too
}

// fork begins the scenario with signals as it expects them.
func (d *deaths) fork(p *kernel.Prog) int64 {
	return p.Fork(func(p *kernel.Prog) {
		for _, s := range typed {
			p.Sigaction(int(s), 0, 0, 0)
		}
		p.Syscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, 50_000)
		adjustOOM(p, "0")
		d.s.Main(p)
	})
}

// measure runs the scenario once to its end.
func (d *deaths) measure(p *kernel.Prog) {
	d.prepare(p)
	d.length = took(p, func() { wait(p, d.fork(p), unix.WALL) })
	d.bury(p, "alone")
}

// schedule runs the scenario again and again, with the death of a victim a little later each time.
func (d *deaths) schedule(p *kernel.Prog, victim int64) {
	d.prepare(p)
	step := max(1, d.length/killSteps)
	for at := int64(0); at < d.length && len(d.seen) < 5; at += step {
		p.Scratch(func() { d.once(p, victim, at) })
	}
}

// patience is how long the others may go on after the death, in ns.
const patience = 2e6

func (d *deaths) once(p *kernel.Prog, victim, at int64) {
	what := fmt.Sprintf("process %d killed after %d of %d ns", victim, at, d.length)
	first := d.fork(p)
	if first < 0 {
		d.fail("%s: fork: %s", what, result(first))
		return
	}
	if at > 0 {
		sleep(p, uint64(at))
	}
	kill(p, first+victim, unix.SIGKILL)
	sleep(p, patience)
	if victim == 0 {
		if got, status := wait(p, first, unix.WALL|unix.WNOHANG); got != first {
			d.fail("%s: wait says %s, status %#x", what, result(got), status)
		}
		d.nobodyHeld(p, first, what)
	}
	d.bury(p, what)
}

func (d *deaths) fail(format string, args ...any) {
	d.seen = append(d.seen, fmt.Sprintf(format, args...))
}

// furthest is how many numbers behind the first process a scenario uses at most.
const furthest = 24

// nobodyHeld looks for threads that are held by a tracer who is gone.
func (d *deaths) nobodyHeld(p *kernel.Prog, first int64, what string) {
	for tid := first; tid < first+furthest; tid++ {
		p.Scratch(func() {
			fd := open(p, fmt.Sprintf("/proc/%d/status", tid), unix.O_RDONLY, 0)
			if fd < 0 {
				return
			}
			text, _ := read(p, uint64(fd), 400)
			p.Syscall(unix.SYS_CLOSE, uint64(fd))
			if strings.Contains(text, "(tracing stop)") && strings.Contains(text, "TracerPid:\t0\n") {
				d.fail("%s: %d is held by nobody", what, tid)
			}
		})
	}
}

// bury kills all that is left and waits for it: everybody comes, and only once.
func (d *deaths) bury(p *kernel.Prog, what string) {
	kill(p, -1, unix.SIGKILL)
	sleep(p, patience)
	for {
		got, status := wait(p, -1, unix.WALL|unix.WNOHANG)
		switch {
		case got == fails(unix.ECHILD):
			return
		case got <= 0:
			d.fail("%s: a child does not end: %s", what, result(got))
			return
		case status&0xff == 0x7f:
			d.fail("%s: %d is said to have stopped: %#x", what, got, status)
			return
		}
	}
}
