// Package faults shows what a fault campaign saw: as text, as JSON, and as one HTML page that needs nothing
// else.
package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"starling/ipc/fault"
	"starling/test/faults"
)

// Summary is a report as JSON has it.
type Summary struct {
	Tier     string    `json:"tier"`
	Seed     uint64    `json:"seed"`
	Runs     uint64    `json:"runs"`
	Messages uint64    `json:"messages"`
	Seconds  float64   `json:"seconds"`
	Stopped  bool      `json:"stopped"` // before it was done
	Never    int       `json:"never_activated"`
	Cells    []Cell    `json:"cells"`
	Findings []Finding `json:"findings"`
}

// Cell is a fault of a kind of message.
type Cell struct {
	Wire      string            `json:"wire"`
	Message   string            `json:"message"`
	Fault     string            `json:"fault"`
	Activated uint64            `json:"activated"`
	Expected  string            `json:"expected"` // the worst that may follow
	How       string            `json:"how"`
	Outcomes  map[string]uint64 `json:"outcomes"` // of runs with this fault alone
	Findings  uint64            `json:"findings"`
}

// Finding is a run that broke what must hold.
type Finding struct {
	Scenario string   `json:"scenario"`
	Seed     uint64   `json:"seed"`
	Plan     []string `json:"plan"`
	FoundBy  []string `json:"found_by"` // the plan before it was made smaller
	What     []string `json:"what"`
	Hash     string   `json:"hash,omitempty"`
	Repeat   string   `json:"repeat"` // a command
}

// Summarise makes the summary of a report.
func Summarise(tier string, r *faults.Report, seconds float64) *Summary {
	s := &Summary{Tier: tier, Seed: r.Seed, Runs: r.Runs, Messages: r.Messages, Seconds: seconds, Stopped: r.Stopped,
		Never: len(r.NeverActivated()), Cells: []Cell{}, Findings: []Finding{}}
	for _, c := range r.Cells {
		cell := Cell{Wire: c.Place.Wire, Message: c.Place.Message, Fault: c.Kind.String(), Activated: c.Activated,
			Expected: c.Place.Expect(c.Kind).String(), How: c.Place.How(c.Kind), Outcomes: map[string]uint64{}, Findings: c.Findings}
		for o, n := range c.Outcomes {
			if n > 0 {
				cell.Outcomes[fault.Outcome(o).String()] = n
			}
		}
		s.Cells = append(s.Cells, cell)
	}
	for _, f := range r.Findings {
		s.Findings = append(s.Findings, Finding{Scenario: f.Scenario, Seed: f.Seed, Plan: rules(f.Plan), FoundBy: rules(f.Was),
			What: f.Findings, Hash: fmt.Sprintf("%016x", f.Hash), Repeat: Repeat(tier, f.Result)})
	}
	return s
}

func rules(p fault.Plan) (list []string) {
	for _, r := range p {
		list = append(list, r.String())
	}
	return list
}

// Repeat is the command that runs a case again and compares the hash.
func Repeat(tier string, r *faults.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "starling faults --tier %s --scenario %s --seed %d", tier, quote(r.Scenario), r.Seed)
	for _, rule := range r.Plan {
		fmt.Fprintf(&b, " --rule %s", quote(rule.String()))
	}
	if r.Hash != 0 {
		fmt.Fprintf(&b, " --hash %016x", r.Hash)
	}
	return b.String()
}

// quote makes one word of s for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// JSON writes the summary.
func (s *Summary) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

// row is a line of the matrix, by fault.
type row struct {
	Name  string
	Cells []*Cell // nil: does not apply
}

// matrix arranges the cells by message and fault. Columns without any cell are left out.
func (s *Summary) matrix() (columns []string, rows []row) {
	used := map[string]bool{}
	for i := range s.Cells {
		used[s.Cells[i].Fault] = true
	}
	at := map[string]int{}
	for _, k := range fault.Kinds() {
		if used[k.String()] {
			at[k.String()] = len(columns)
			columns = append(columns, k.String())
		}
	}
	for i := range s.Cells {
		c := &s.Cells[i]
		name := c.Wire + " " + c.Message
		if len(rows) == 0 || rows[len(rows)-1].Name != name {
			rows = append(rows, row{name, make([]*Cell, len(columns))})
		}
		rows[len(rows)-1].Cells[at[c.Fault]] = c
	}
	return columns, rows
}

// worst is the worst outcome that a fault alone led to.
func (c *Cell) worst() string {
	for o := fault.Stopped; o > fault.Unnoticed; o-- {
		if c.Outcomes[o.String()] > 0 {
			return o.String()
		}
	}
	return fault.Unnoticed.String()
}

// text is a cell in few letters: how often it struck, and what came of it.
func (c *Cell) text() string {
	switch {
	case c == nil:
		return "-"
	case c.Findings > 0:
		return fmt.Sprintf("%d!", c.Activated)
	case c.Activated == 0:
		return "never"
	}
	return fmt.Sprint(c.Activated) + map[string]string{"harmed": "h", "restarted": "r", "stopped": "s"}[c.worst()]
}

// Text writes the summary for people.
func (s *Summary) Text(w io.Writer) {
	columns, rows := s.matrix()
	width := 0
	for _, r := range rows {
		width = max(width, len(r.Name))
	}
	fmt.Fprintln(w, "How often each fault struck each message, and what came of it: nothing when no letter follows,")
	fmt.Fprintln(w, "h: its own program was harmed, r: a server was restarted, s: the machine stopped and said why, !: a finding.")
	fmt.Fprintln(w)
	for i, c := range columns {
		fmt.Fprintf(w, "  %c = %s\n", 'A'+i, c)
	}
	fmt.Fprintf(w, "\n%-*s", width, "")
	for i := range columns {
		fmt.Fprintf(w, " %6c", 'A'+i)
	}
	fmt.Fprintln(w)
	for _, r := range rows {
		fmt.Fprintf(w, "%-*s", width, r.Name)
		for _, c := range r.Cells {
			fmt.Fprintf(w, " %6s", c.text())
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\n%s\n", s.Line())
	for i := range s.Findings {
		f := &s.Findings[i]
		fmt.Fprintf(w, "\nfinding %d: %s\n", i+1, f.Scenario)
		for _, r := range f.Plan {
			fmt.Fprintf(w, "  fault:  %s\n", r)
		}
		for _, what := range f.What {
			fmt.Fprintf(w, "  seen:   %s\n", short(what))
		}
		fmt.Fprintf(w, "  repeat: %s\n", f.Repeat)
	}
}

// short cuts what does not fit a few lines.
func short(s string) string {
	const most = 400
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// Line is the summary in one line.
func (s *Summary) Line() string {
	line := fmt.Sprintf("%d runs, %d messages, %.0f s, %.0f runs a minute: %s", s.Runs, s.Messages, s.Seconds,
		60*float64(s.Runs)/max(s.Seconds, 0.001), count(len(s.Findings), "finding"))
	if s.Never > 0 {
		line += fmt.Sprintf("; %s never activated", count(s.Never, "cell"))
	}
	if s.Stopped {
		line += "; stopped before the end"
	}
	return line
}

func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
