package faults

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"starling/ipc"
	"starling/ipc/fault"
	kernel "starling/ipc/sim"
	"starling/test/sim"
)

// Case is one run.
type Case struct {
	Scenario string
	Seed     uint64
	Plan     fault.Plan
}

// Result is what became of it.
type Result struct {
	Case
	// Activated says which rules of the plan struck.
	Activated []bool
	// Outcome is what was seen, Findings what must not be.
	Outcome  fault.Outcome
	Findings []string
	// Hash is over every message of the run.
	Hash     uint64
	Messages uint64

	counts []uint64 // messages of each place
	seen   sight
}

// sight is what can be seen of a run from outside.
type sight struct {
	Output, Errors string
	Ended          bool   // by itself
	Status         uint32 // wait status of the scenario's first process
	Bystander      uint32
	Books          sim.Books
	books          bool
	took           int64 // ns
}

const (
	memoryPages = 1536
	frameSlots  = 64
	// accessCost makes programs that read on and on, because what they got tells them to, use up their
	// time soon, in ns.
	accessCost = 300
	// maxSteps is many times what the longest scenario takes.
	maxSteps = 400_000
)

// complaints is the sim.T of a run.
type complaints struct{ list []string }

// fatal is what Fatal panics with.
type fatal struct{}

func (c *complaints) Helper()                   {}
func (c *complaints) Log(...any)                {}
func (c *complaints) Errorf(f string, a ...any) { c.list = append(c.list, fmt.Sprintf(f, a...)) }
func (c *complaints) Fatalf(f string, a ...any) { c.Errorf(f, a...); panic(fatal{}) }
func (c *complaints) Fatal(a ...any)            { c.Fatalf("%s", fmt.Sprint(a...)) }

// run is a case being run.
type run struct {
	c        Case
	s        *sim.Scenario
	m        *sim.Machine
	in       *fault.Injector
	t        complaints
	starts   int
	seen     sight
	answered map[ipc.Token]bool
	twice    string
	patience int64 // ns
	circling bool  // the scenario may do harm to itself without end
}

// execute runs a case without judging it. patience is how long the scenario may take, in ns.
func execute(c Case, s *sim.Scenario, patience int64, circling bool) (*run, *Result) {
	r := &run{c: c, s: s, in: fault.New(c.Plan), answered: map[ipc.Token]bool{}, patience: patience, circling: circling}
	res := &Result{Case: c}
	digest := r.boot()
	stopped := r.finish()
	defer r.m.Close()
	if stopped != "" {
		res.Outcome = fault.Stopped
	}
	res.Hash, res.Messages = digest.Sum()
	res.Findings = append(r.t.list, r.m.Kernel.Violations()...)
	if r.twice != "" {
		res.Findings = append(res.Findings, r.twice)
	}
	for i := range c.Plan {
		res.Activated = append(res.Activated, r.in.Activated(i))
	}
	for _, p := range fault.Places {
		res.counts = append(res.counts, r.in.Count(p))
	}
	r.seen.Output, r.seen.Errors = r.m.Output(), r.m.Errors()
	res.seen = r.seen
	return r, res
}

// boot makes the machine: the warden is its first program, the scenario a child of it. They are different
// files, so that a scenario that goes on at any address at all never goes on in the warden.
func (r *run) boot() *kernel.Digest {
	o := sim.Options{FrameSlots: frameSlots}
	o.MemoryPages, o.Seed, o.MaxSteps = memoryPages, r.c.Seed, maxSteps
	o.AccessCost = accessCost
	struck := *r.s
	struck.Main = func(p *kernel.Prog) {
		p.Strike(true)
		r.s.Main(p)
	}
	r.m = struck.Boot(&r.t, o)
	r.m.Program(wardenPath, r.warden)
	r.m.Inject(r.in)
	r.m.Kernel.Tap(r.oneAnswer)
	return r.m.Kernel.Digest()
}

// oneAnswer is an oracle: the kernel takes one answer for each event of a thread.
func (r *run) oneAnswer(msg kernel.Message) {
	if msg.Kind != kernel.MessageReply || msg.Reply.Action == ipc.ActionPark {
		return
	}
	if r.answered[msg.Reply.Token] {
		r.twice = fmt.Sprintf("the kernel took two answers to event %d of thread %d", msg.Reply.Token.Sequence, msg.Reply.Token.Thread)
	}
	r.answered[msg.Reply.Token] = true
}

// finish runs the machine to its end. stopped names the server without which it could not go on.
func (r *run) finish() (stopped string) {
	defer func() {
		p := recover()
		var f kernel.Failure
		switch e := p.(type) {
		case nil, fatal:
		case sim.Ended:
			stopped = e.Server
		case error:
			if errors.As(e, &f) {
				r.t.Errorf("the machine would stand still: %s", string(f))
				return
			}
			r.t.Errorf("panic: %v at %s", e, where())
		default:
			r.t.Errorf("panic: %v at %s", p, where())
		}
	}()
	r.m.Start(wardenPath)
	r.m.Finish()
	if e := r.m.Ending(); e != sim.Exited(0) {
		r.t.Errorf("the warden, which no fault strikes: %v", e)
	}
	return ""
}

// where is the place of a panic, short enough for one line.
func where() string {
	const own = "starling/"
	for _, line := range strings.Split(string(debug.Stack()), "\n") {
		if strings.HasPrefix(line, own) && !strings.HasPrefix(line, own+"test/faults") {
			name, _, _ := strings.Cut(line, "(0x")
			return name
		}
	}
	return "an unknown place"
}
