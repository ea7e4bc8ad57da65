package faults

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"starling/ipc/fault"
	"starling/test/sim"
)

// reference is what a scenario does when nothing goes wrong.
type reference struct {
	scenario *sim.Scenario
	seen     sight
	counts   []uint64
	long     uint64 // messages of the run
}

// Laboratory has the scenarios that can be judged: those that a child of another program can run, and whose
// output does not depend on the schedule.
type Laboratory struct {
	names []string
	known map[string]*reference
}

// seeds of the schedules that a scenario must give the same output under.
var seeds = [...]uint64{0, 1, 2}

// NewLaboratory runs every scenario without faults. Whatever is wrong then is an error: no campaign makes sense.
func NewLaboratory() (*Laboratory, error) {
	l := &Laboratory{known: map[string]*reference{}}
	refs := make([]*reference, len(scenarios))
	var all sync.WaitGroup
	var failed error
	var lock sync.Mutex
	Each(len(scenarios), &all, func(i int) {
		ref, err := refer(&scenarios[i])
		refs[i] = ref
		if err != nil {
			lock.Lock()
			failed = err
			lock.Unlock()
		}
	})
	all.Wait()
	for _, ref := range refs {
		if ref != nil {
			l.names = append(l.names, ref.scenario.Name)
			l.known[ref.scenario.Name] = ref
		}
	}
	return l, failed
}

// slowEvent is what an event takes on a machine that is slow, in ns.
const slowEvent = 3e6

// clean runs a scenario without faults.
func clean(s *sim.Scenario, seed uint64, cost int64) *Result {
	slow := *s
	slow.Prepare = func(o *sim.Options) {
		if s.Prepare != nil {
			s.Prepare(o)
		}
		o.EventCost = cost
	}
	_, res := execute(Case{Scenario: s.Name, Seed: seed}, &slow, patience, false)
	return res
}

// refer runs a scenario without faults; nil when it cannot be judged.
func refer(s *sim.Scenario) (*reference, error) {
	if s.During != nil && !own(s) {
		return nil, nil // its keys are typed once, and not for a child
	}
	if s.ByTheClock {
		return nil, nil
	}
	var ref *reference
	for _, seed := range seeds {
		res := clean(s, seed, 0)
		if len(res.Findings) > 0 {
			return nil, fmt.Errorf("%s, seed %d, without any fault: %s", s.Name, seed, strings.Join(res.Findings, "; "))
		}
		if ref == nil {
			if ref = (&reference{s, res.seen, res.counts, res.Messages}); res.seen.Output != s.Output {
				return nil, nil
			}
			continue
		}
		a, b := ref.seen, res.seen
		if a.Output != b.Output || a.Status != b.Status || !b.Ended {
			return nil, nil
		}
		ref.seen.Books = worse(a.Books, b.Books)
	}
	if slow := clean(s, 0, slowEvent).seen; slow.Output != ref.seen.Output || slow.Status != ref.seen.Status {
		return nil, nil // it measures time, which every repeated message takes
	}
	return ref, nil
}

// worse is the lower of what is free and the higher of what is in use: what a run without faults may leave.
func worse(a, b sim.Books) sim.Books {
	return sim.Books{Pages: min(a.Pages, b.Pages), Regions: min(a.Regions, b.Regions), Threads: max(a.Threads, b.Threads),
		LinuxCaps: max(a.LinuxCaps, b.LinuxCaps), PagerCaps: max(a.PagerCaps, b.PagerCaps)}
}

// Scenarios is the names of those that can be judged, in their order.
func (l *Laboratory) Scenarios() []string { return l.names }

// Count implements Tier.
func (l *Laboratory) Count(scenario string, p *fault.Place) uint64 {
	ref := l.known[scenario]
	if i := slices.Index(fault.Places, p); i >= 0 && ref != nil {
		return ref.counts[i]
	}
	return 0
}

// Repeatable implements Tier: what was typed is not typed again.
func (l *Laboratory) Repeatable(scenario string) bool {
	return l.known[scenario].scenario.During == nil
}

// Can implements Tier.
func (l *Laboratory) Can(*fault.Place) bool { return true }

// Round implements Tier. What cases strike counts for the next round. It does not depend on the number of processors,
// so a seed gives the same cases everywhere.
func (l *Laboratory) Round() int { return 64 }

// Together implements Tier: runs are cheap, and one fault alone says more.
func (l *Laboratory) Together() int { return 1 }

// Run runs a case and judges it.
func (l *Laboratory) Run(c Case) (*Result, error) {
	ref := l.known[c.Scenario]
	if ref == nil {
		return nil, &fault.UnknownError{What: "scenario", Name: c.Scenario, Have: l.names}
	}
	more, circling := c.Extra(extra, endless), c.circling()
	r, res := execute(c, ref.scenario, 3*ref.seen.took+more, circling)
	before := len(res.Findings)
	r.judge(ref, res)
	if len(res.Findings) > before && !slices.Contains(seeds[:], c.Seed) {
		// Does this schedule alone make the difference?
		other := *ref
		other.seen = clean(ref.scenario, c.Seed, 0).seen
		other.seen.Books = worse(other.seen.Books, ref.seen.Books)
		res.Findings = res.Findings[:before]
		r.judge(&other, res)
	}
	return res, nil
}

// harms reports whether a fault may do harm to the program whose message it is, and to nobody else.
func harms(r fault.Rule) bool {
	return r.Place.Expect(r.Kind) == fault.Harmed && (r.Place.Class == fault.Trap || r.Place.Class == fault.Reply)
}

// Extra is how much longer than without faults a run may take: endless when its programs only do harm to themselves,
// which may have no end.
func (c *Case) Extra(extra, endless int64) int64 {
	for _, r := range c.Plan {
		if !harms(r) {
			return extra
		}
	}
	return endless
}

// circling reports whether its program may go round in circles.
func (c *Case) circling() bool { return slices.ContainsFunc(c.Plan, harms) }

// Expected is the worst that the faults that struck may lead to, and whether the program may be harmed.
func (res *Result) Expected() (worst fault.Outcome, harm bool) {
	for i, rule := range res.Plan {
		if res.Activated[i] {
			e := rule.Place.Expect(rule.Kind)
			worst, harm = max(worst, e), harm || e == fault.Harmed
		}
	}
	return worst, harm
}

// judge compares a run with the one without faults.
func (r *run) judge(ref *reference, res *Result) {
	expected, harm := res.Expected()
	say := func(format string, args ...any) {
		res.Findings = append(res.Findings, fmt.Sprintf(format, args...))
	}
	if res.Outcome == fault.Stopped {
		if expected != fault.Stopped {
			say("the machine stopped: %v", r.m.Crashes())
		}
		return
	}
	same := r.seen.Ended && r.seen.Status == ref.seen.Status && r.seen.Output == ref.seen.Output && r.seen.Errors == ref.seen.Errors
	restarted := r.starts > 1
	switch {
	case restarted:
		res.Outcome = fault.Restarted
	case !same:
		res.Outcome = fault.Harmed
	}
	if len(res.Findings) > 0 {
		return // the rest would follow from it
	}
	if restarted && expected >= fault.Restarted {
		same = r.seen.Ended && r.seen.Status == ref.seen.Status && strings.HasSuffix(r.seen.Output, ref.seen.Output)
	}
	if !same && !harm {
		say("%s", r.difference(ref))
	}
	if restarted && expected < fault.Restarted {
		say("the personality was started anew")
	}
	r.compareBooks(ref, harm, say)
}

// difference says how a run differs from the one without faults.
func (r *run) difference(ref *reference) string {
	a, b := r.seen, ref.seen
	switch {
	case !a.Ended:
		return fmt.Sprintf("did not end within %d ms; output so far %q", r.patience/1e6, a.Output)
	case a.Status != b.Status:
		return fmt.Sprintf("wait status %#x, without the fault %#x; output %q", a.Status, b.Status, a.Output)
	case a.Errors != b.Errors:
		return fmt.Sprintf("standard error %q, without the fault %q", a.Errors, b.Errors)
	}
	return fmt.Sprintf("output %q, without the fault %q", a.Output, b.Output)
}

// compareBooks finds what is left over. A program that was ended early may leave files behind, and so pages.
func (r *run) compareBooks(ref *reference, harm bool, say func(string, ...any)) {
	if !r.seen.books {
		return
	}
	got, want := r.seen.Books, ref.seen.Books
	if harm {
		want.Pages, want.Regions = got.Pages, got.Regions
	}
	if worse(got, want) != want {
		say("left over: %+v, without the fault %+v", r.seen.Books, ref.seen.Books)
	}
}
