package fault

// Injector counts the messages of each place and says which one a rule strikes.
type Injector struct {
	rules  Plan
	struck []bool
	counts []uint64 // by Place.number
}

// New makes an injector for a plan.
func New(plan Plan) *Injector {
	return &Injector{rules: plan, struck: make([]bool, len(plan)), counts: make([]uint64, len(Places))}
}

// Next counts one message of a place, which may be nil, and returns the rule that strikes it, nil for none.
func (in *Injector) Next(p *Place) *Rule {
	if p == nil {
		return nil
	}
	n := in.counts[p.number]
	in.counts[p.number]++
	for i := range in.rules {
		if r := &in.rules[i]; r.Place == p && r.Nth == n {
			in.struck[i] = true
			return r
		}
	}
	return nil
}

// Spare says that a rule, returned by Next, could not do what it says after all.
func (in *Injector) Spare(r *Rule) {
	for i := range in.rules {
		if &in.rules[i] == r {
			in.struck[i] = false
		}
	}
}

// Activated reports whether rule i has struck.
func (in *Injector) Activated(i int) bool { return in.struck[i] }

// Count is how many messages of a place there were.
func (in *Injector) Count(p *Place) uint64 { return in.counts[p.number] }
