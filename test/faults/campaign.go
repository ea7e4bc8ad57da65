package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"

	"starling/ipc/fault"
)

// Cell is one field of the matrix: a fault of one kind of message, and what came of it.
type Cell struct {
	Place     *fault.Place
	Kind      fault.Kind
	Activated uint64    // runs in which it struck
	Outcomes  [4]uint64 // of those with this fault alone, by fault.Outcome
	Findings  uint64
}

// Finding is a run that broke what must hold, made as small as it could be.
type Finding struct {
	*Result
	// Was is the plan that found it.
	Was fault.Plan
}

// Tier is where cases run: the simulation (Laboratory), or emulated machines (cmd/starling/trial).
type Tier interface {
	// Scenarios is the names of those that can be judged, in their order.
	Scenarios() []string
	// Run runs a case and judges it.
	Run(Case) (*Result, error)
	// Count is how many messages of a place there are in a scenario when nothing is struck, none when nothing can be.
	Count(scenario string, p *fault.Place) uint64
	// Repeatable reports whether a scenario that starts anew does the same again.
	Repeatable(scenario string) bool
	// Can reports whether a place exists in the tier at all.
	Can(p *fault.Place) bool
	// Round is how many cases are chosen at a time.
	Round() int
	// Together is how many faults that nobody may notice strike in one run from the start: 1, unless a run is dear.
	Together() int
}

// Campaign is many runs.
type Campaign struct {
	Seed uint64
	// Runs is how many at most, 0 for no limit.
	Runs uint64
	// Wires, Messages, Kinds and Scenarios restrict what is struck and run; empty: all.
	Wires, Messages, Scenarios []string
	Kinds                      []fault.Kind
	// Progress is called now and then, and after every finding.
	Progress func(*Report)
	// MostFindings ends the campaign, 0 for 20.
	MostFindings int
}

// Report is what a campaign saw.
type Report struct {
	Seed     uint64
	Runs     uint64
	Messages uint64 // in all runs
	Cells    []*Cell
	Findings []Finding
	Stopped  bool // before it was done
	// Err ended the campaign: a case could not be run.
	Err error
}

// NeverActivated is the cells that no run struck.
func (r *Report) NeverActivated() (cells []*Cell) {
	for _, c := range r.Cells {
		if c.Activated == 0 {
			cells = append(cells, c)
		}
	}
	return cells
}

// Cells lists the matrix as the campaign's restrictions leave it.
func (c *Campaign) cells(t Tier) (list []*Cell) {
	allowed := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	for _, p := range fault.Places {
		for _, k := range p.Kinds {
			if t.Can(p) && allowed(c.Wires, p.Wire) && allowed(c.Messages, p.Message) && (len(c.Kinds) == 0 || slices.Contains(c.Kinds, k)) {
				list = append(list, &Cell{Place: p, Kind: k})
			}
		}
	}
	return list
}

// enough is how often a cell is struck alone before it may come together with others.
const enough = 3

// Run makes runs until there were enough or the context ends.
func (c Campaign) Run(ctx context.Context, t Tier) *Report {
	rep := &Report{Seed: c.Seed, Cells: c.cells(t)}
	if c.MostFindings == 0 {
		c.MostFindings = 20
	}
	g := &generator{t: t, rep: rep, rng: rand.New(rand.NewPCG(c.Seed, 0x6c61_6200)), scenarios: c.Scenarios}
	if len(g.scenarios) == 0 {
		g.scenarios = t.Scenarios()
	}
	for len(rep.Findings) < c.MostFindings && (c.Runs == 0 || rep.Runs < c.Runs) {
		var cases []Case
		for range t.Round() {
			if k, ok := g.next(); ok && (c.Runs == 0 || rep.Runs+uint64(len(cases)) < c.Runs) {
				cases = append(cases, k)
			}
		}
		if len(cases) == 0 {
			break
		}
		results, errs := make([]*Result, len(cases)), make([]error, len(cases))
		var all sync.WaitGroup
		Each(len(cases), &all, func(i int) {
			if ctx.Err() == nil {
				results[i], errs[i] = t.Run(cases[i])
			}
		})
		all.Wait()
		for _, r := range results {
			if r != nil {
				rep.add(r)
				if len(r.Findings) > 0 && len(rep.Findings) < c.MostFindings {
					rep.found(ctx, t, r)
				}
			}
		}
		if ctx.Err() == nil {
			rep.Err = errors.Join(errs...)
		}
		if c.Progress != nil {
			c.Progress(rep)
		}
		if ctx.Err() != nil || rep.Err != nil {
			rep.Stopped = true
			break
		}
	}
	return rep
}

// add counts a run.
func (rep *Report) add(r *Result) {
	rep.Runs++
	rep.Messages += r.Messages
	for i, rule := range r.Plan {
		if !r.Activated[i] {
			continue
		}
		for _, cell := range rep.Cells {
			if cell.Place == rule.Place && cell.Kind == rule.Kind {
				cell.Activated++
				if len(r.Plan) == 1 {
					cell.Outcomes[r.Outcome]++
				}
				if len(r.Findings) > 0 {
					cell.Findings++
				}
			}
		}
	}
}

// found keeps a finding, shrunk, unless one like it is there.
func (rep *Report) found(ctx context.Context, t Tier, r *Result) {
	small := Shrink(ctx, t, r)
	for i := range rep.Findings {
		if alike(rep.Findings[i].Plan, small.Plan) {
			return
		}
	}
	rep.Findings = append(rep.Findings, Finding{small, r.Plan})
}

// alike: the same faults of the same messages.
func alike(a, b fault.Plan) bool {
	return slices.EqualFunc(a, b, func(x, y fault.Rule) bool { return x.Place == y.Place && x.Kind == y.Kind })
}

// generator chooses cases.
type generator struct {
	t         Tier
	rep       *Report
	rng       *rand.Rand
	scenarios []string
	chosen    map[*Cell]uint64
	passed    []*Cell
}

// next chooses the cell that was struck least, a scenario that has such messages, and one of them. Later
// cases have several faults.
func (g *generator) next() (Case, bool) {
	if g.chosen == nil {
		g.chosen = map[*Cell]uint64{}
	}
	for range 4 * len(g.rep.Cells) {
		cell := g.least()
		if cell == nil {
			break
		}
		g.chosen[cell]++
		name, count := g.scenario(cell)
		if count == 0 {
			continue
		}
		c := Case{Scenario: name, Plan: fault.Plan{g.rule(cell, count)}}
		if g.rng.IntN(3) == 0 {
			c.Seed = 1 + g.rng.Uint64N(1000)
		}
		g.join(&c, cell)
		if cell.Activated >= enough {
			for g.rng.IntN(3) == 0 && len(c.Plan) < 4 {
				other := g.rep.Cells[g.rng.IntN(len(g.rep.Cells))]
				if n := g.t.Count(name, other.Place); n > 0 && !g.replaces(other, name) {
					c.Plan = append(c.Plan, g.rule(other, n))
				}
			}
		}
		return c, true
	}
	return Case{}, false
}

// join adds faults to a case whose fault nobody may notice, of the cells that were struck least.
func (g *generator) join(c *Case, first *Cell) {
	quiet := func(cell *Cell) bool {
		return cell.Place.Expect(cell.Kind) == fault.Unnoticed && cell.Kind != fault.Swap
	}
	if !quiet(first) {
		return
	}
	for tries := 0; tries < 4*g.t.Together() && len(c.Plan) < g.t.Together(); tries++ {
		cell := g.least()
		if n := g.t.Count(c.Scenario, cell.Place); n > 0 && quiet(cell) {
			g.chosen[cell]++
			c.Plan = append(c.Plan, g.rule(cell, n))
		} else {
			g.chosen[cell] += passing
			g.passed = append(g.passed, cell)
		}
	}
	for _, cell := range g.passed {
		g.chosen[cell] -= passing
	}
	g.passed = g.passed[:0]
}

// passing keeps a cell that does not fit from being chosen again at once.
const passing = 1 << 20

func (g *generator) rule(cell *Cell, count uint64) fault.Rule {
	return fault.Rule{Place: cell.Place, Kind: cell.Kind, Nth: g.rng.Uint64N(count), Arg: g.rng.Uint64N(1 << 20)}
}

// least is a cell that was chosen and struck least.
func (g *generator) least() *Cell {
	var best *Cell
	ties := 0
	for _, c := range g.rep.Cells {
		switch {
		case best == nil || c.Activated+g.chosen[c] < best.Activated+g.chosen[best]:
			best, ties = c, 1
		case c.Activated+g.chosen[c] == best.Activated+g.chosen[best]:
			if ties++; g.rng.IntN(ties) == 0 {
				best = c
			}
		}
	}
	return best
}

// scenario chooses one in which there are messages that the cell strikes.
func (g *generator) scenario(cell *Cell) (name string, count uint64) {
	start := g.rng.IntN(len(g.scenarios))
	for i := range g.scenarios {
		name = g.scenarios[(start+i)%len(g.scenarios)]
		if n := g.t.Count(name, cell.Place); n > 0 && !g.replaces(cell, name) {
			return name, n
		}
	}
	return "", 0
}

// replaces reports whether the fault starts a program anew whose input was read by then.
func (g *generator) replaces(cell *Cell, name string) bool {
	return cell.Place.Expect(cell.Kind) == fault.Restarted && !g.t.Repeatable(name)
}

// Shrink makes the plan of a finding smaller: fewer rules, an earlier message, a smaller choice, as long as
// something is found and the context has not ended.
func Shrink(ctx context.Context, t Tier, r *Result) *Result {
	try := func(c Case) bool {
		if ctx.Err() != nil {
			return false
		}
		got, err := t.Run(c)
		if err != nil || len(got.Findings) == 0 {
			return false
		}
		r = got
		return true
	}
	for i := 0; i < len(r.Plan) && len(r.Plan) > 1; {
		c := r.Case
		c.Plan = slices.Delete(slices.Clone(c.Plan), i, i+1)
		if !try(c) {
			i++
		}
	}
	if c := r.Case; c.Seed != 0 {
		c.Seed = 0
		try(c)
	}
	for i := range r.Plan {
		for _, to := range []uint64{0, 1, 2, r.Plan[i].Nth / 2} {
			c := r.Case
			c.Plan = slices.Clone(c.Plan)
			if c.Plan[i].Nth = to; to < r.Plan[i].Nth && try(c) {
				break
			}
		}
		for _, to := range []uint64{0, 1, 2, 3, r.Plan[i].Arg % 64} {
			c := r.Case
			c.Plan = slices.Clone(c.Plan)
			if c.Plan[i].Arg = to; to < r.Plan[i].Arg && try(c) {
				break
			}
		}
	}
	return r
}
