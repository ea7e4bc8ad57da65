package fault

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Rule is one fault that strikes one message.
type Rule struct {
	Place *Place
	Kind  Kind
	// Nth message of the place, from 0.
	Nth uint64
	// Arg chooses which bit, which field and value, how late: whatever the kind leaves open.
	Arg uint64
}

// String is the rule as plans write it.
func (r Rule) String() string {
	return fmt.Sprintf("%s %s %s %d %d", r.Place.Wire, r.Place.Message, r.Kind, r.Nth, r.Arg)
}

// Plan is what goes wrong in one run.
type Plan []Rule

// ParseRule reads "WIRE MESSAGE FAULT NTH ARG"; the last one or two may be missing and are 0 then.
func ParseRule(text string) (Rule, error) {
	f := strings.Fields(text)
	if len(f) < 3 || len(f) > 5 {
		return Rule{}, fmt.Errorf("rule %q: want WIRE MESSAGE FAULT [NTH [ARG]]", text)
	}
	var r Rule
	var err error
	if r.Place, err = ParsePlace(f[0], f[1]); err != nil {
		return r, err
	}
	if r.Kind, err = ParseKind(f[2]); err != nil {
		return r, err
	}
	if !r.Place.Allows(r.Kind) {
		return r, &UnknownError{"fault of " + r.Place.String() + " is called", f[2], names(r.Place.Kinds)}
	}
	for i, to := range []*uint64{&r.Nth, &r.Arg} {
		if len(f) > 3+i {
			if *to, err = strconv.ParseUint(f[3+i], 0, 64); err != nil {
				return r, fmt.Errorf("rule %q: %q is no number", text, f[3+i])
			}
		}
	}
	return r, nil
}

func names(list []Kind) (all []string) {
	for _, k := range list {
		all = append(all, k.String())
	}
	return all
}

// ParsePlace finds a message on a wire.
func ParsePlace(wire, message string) (*Place, error) {
	if err := CheckWire(wire); err != nil {
		return nil, err
	}
	if p := Find(wire, message); p != nil {
		return p, nil
	}
	return nil, &UnknownError{"message on " + wire, message, Messages(wire)}
}

// CheckWire says which wires there are when the name is none of them.
func CheckWire(wire string) error {
	for _, w := range Wires() {
		if w == wire {
			return nil
		}
	}
	return &UnknownError{"wire", wire, Wires()}
}

// Allows reports whether a fault can happen at the place.
func (p *Place) Allows(k Kind) bool {
	for _, have := range p.Kinds {
		if have == k {
			return true
		}
	}
	return false
}

// ParsePlan reads a rule from each line; empty lines and those that begin with # say nothing.
func ParsePlan(r io.Reader) (Plan, error) {
	var plan Plan
	s := bufio.NewScanner(r)
	for line := 1; s.Scan(); line++ {
		text := strings.TrimSpace(s.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		rule, err := ParseRule(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		plan = append(plan, rule)
	}
	return plan, s.Err()
}
