// Package trial runs the scenarios of fault campaigns on emulated machines: the tier qemu of "starling faults".
//
// Each case is a machine of its own. Root puts a lab (servers/lab) into every wire that can be struck, with the plan that
// is in the boot image. The machine counts instructions and nobody sends it anything, so the same case is the same
// run, message by message.
package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"starling/cmd/starling/qemu"
	"starling/cmd/starling/session"
	"starling/ipc/fault"
	"starling/test/faults"
)

// GuestPath is where the guest program is in the machine.
const GuestPath = "/bin/guest"

// Spare is how many threads the labs leave alone: the guest itself and its bystander.
const Spare = 2

// Setup is what a case needs of its machine.
type Setup struct {
	Argv     []string
	Terminal bool
	Seed     uint64
	Plan     []byte
}

// Compose makes the machine of a case.
type Compose func(Setup) (qemu.Config, []byte, error)

// Wires is every wire that a lab stands in.
func Wires() (wires []string) {
	for _, p := range fault.Places {
		if !p.Sim && p.Class != fault.Reply && !slices.Contains(wires, p.Wire) {
			wires = append(wires, p.Wire)
		}
	}
	return wires
}

// Laboratory implements faults.Tier.
type Laboratory struct {
	ctx     context.Context // its end ends every machine
	compose Compose
	names   []string
	known   map[string]*reference
}

// reference is what a scenario does when nothing is struck.
type reference struct {
	*scenario
	*sight
}

const (
	// patience is how long a scenario may take when nobody knows how long it takes, in ns of the machine.
	patience = 60e9
	// extra is how much longer than three times as long, endless for programs that only do harm to themselves.
	extra   = 10e9
	endless = 100e6
)

// New runs the scenarios of these names, all without any, and nothing is struck.
func New(ctx context.Context, compose Compose, only []string) (*Laboratory, error) {
	l := &Laboratory{ctx: ctx, compose: compose, known: map[string]*reference{}}
	l.names = Scenarios()
	if len(only) == 0 {
		only = l.names
	}
	var lock sync.Mutex
	var failed []error
	var all sync.WaitGroup
	faults.Each(len(only), &all, func(i int) {
		s := find(only[i])
		if s == nil {
			return // who asked finds out
		}
		v, err := l.boot(faults.Case{Scenario: s.name}, s, patience)
		if err == nil {
			err = v.sound()
		}
		lock.Lock()
		defer lock.Unlock()
		if err != nil {
			failed = append(failed, fmt.Errorf("%s, without any fault: %w", s.name, err))
		}
		l.known[s.name] = &reference{s, v}
	})
	all.Wait()
	if ctx.Err() != nil {
		return nil, errors.New("ended before there was a campaign")
	}
	return l, errors.Join(failed...)
}

// Scenarios is the names of all scenarios of this tier.
func Scenarios() (names []string) {
	for i := range scenarios {
		names = append(names, scenarios[i].name)
	}
	return names
}

func find(name string) *scenario {
	for i := range scenarios {
		if scenarios[i].name == name {
			return &scenarios[i]
		}
	}
	return nil
}

// sound says what is wrong with a machine that nothing was done to.
func (v *sight) sound() error {
	if list := v.findings(); len(list) > 0 {
		return errors.New(strings.Join(list, "; "))
	}
	if v.status != 0 || v.guest.ended != 1 || len(v.deaths) > 0 {
		return fmt.Errorf("status %d, %+v, deaths %v, %v", v.status, v.guest, v.deaths, v.messages)
	}
	return nil
}

// Scenarios implements faults.Tier.
func (l *Laboratory) Scenarios() []string { return l.names }

// Count implements faults.Tier.
func (l *Laboratory) Count(scenario string, p *fault.Place) uint64 {
	if r := l.known[scenario]; r != nil && !p.Sim {
		return r.count(p)
	}
	return 0
}

// Repeatable implements faults.Tier: nobody types anything.
func (l *Laboratory) Repeatable(string) bool { return true }

// Can implements faults.Tier.
func (l *Laboratory) Can(p *fault.Place) bool { return !p.Sim }

// Round implements faults.Tier.
func (l *Laboratory) Round() int { return 8 }

// Together implements faults.Tier: a run takes seconds.
func (l *Laboratory) Together() int { return 6 }

// Run implements faults.Tier.
func (l *Laboratory) Run(c faults.Case) (*faults.Result, error) {
	ref := l.known[c.Scenario]
	if ref == nil {
		return nil, &fault.UnknownError{What: "scenario", Name: c.Scenario, Have: l.names}
	}
	limit := 3*ref.guest.took + c.Extra(extra, endless)
	v, err := l.boot(c, ref.scenario, limit)
	if err != nil {
		return nil, err
	}
	res := v.judge(c, ref.sight)
	if len(res.Findings) > 0 && c.Seed != 0 {
		// Does the machine's own chance make the difference?
		other, err := l.boot(faults.Case{Scenario: c.Scenario, Seed: c.Seed}, ref.scenario, patience)
		if err != nil {
			return nil, err
		}
		res = v.judge(c, other)
	}
	return res, nil
}

// stopped reports whether the machine stopped because it could not go on.
func (v *sight) stopped() bool { return v.status == session.StatusFailure }
