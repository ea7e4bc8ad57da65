package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	report "starling/cmd/starling/faults"
	"starling/cmd/starling/terminal"
	"starling/cmd/starling/trial"
	"starling/ipc/fault"
	"starling/test/faults"
)

// faultOptions are the flags of starling faults.
type faultOptions struct {
	tier      string
	seed      uint64
	runs      uint64
	time      time.Duration
	plan      string
	rules     []string
	scenarios []string
	wires     []string
	messages  []string
	kinds     []string
	hash      string
	json      string
	html      string
	list      bool
}

// The tiers.
const (
	tierSim  = "sim"
	tierQEMU = "qemu"
)

// statusFindings is the exit status of a campaign that found something.
const statusFindings = 1

// defaultTime is how long a campaign lasts that was not told.
const defaultTime = time.Minute

func faultsCommand() *cobra.Command {
	var o faultOptions
	c := &cobra.Command{
		Use:   "faults [flags]",
		Short: "Lose, damage and repeat messages, crash servers, and check what must hold",
		Long: `Runs programs on machines where messages are lost, late, repeated, damaged or stale, servers crash, hang or
are swapped, and checks that what must hold does. The end is a matrix of messages and faults, and for each
finding a command that repeats it. The exit status is 0 when nothing was found, 1 when something was, and 125
when there could be no campaign. Ctrl-C ends a campaign; what it saw until then is shown.

With --rule or --plan there is no campaign: each scenario runs once with exactly these faults. A rule is
"WIRE MESSAGE FAULT NTH CHOICE": the NTH such message, from 0, is struck; CHOICE is which bit, field, delay.`,
		Example: `  starling faults --time 5m --html faults.html
  starling faults --wire 'linux>pager' --fault drop --fault flip
  starling faults --scenario 'the break' --rule 'linux>pager map-answer drop 3'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.OutOrStdout()) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.tier, "tier", tierSim, "where programs run: sim, the simulated kernel, or qemu, a machine for each run")
	f.Uint64Var(&o.seed, "seed", 1, "`NUMBER` that every choice of the campaign follows from; with --rule, of the schedule")
	f.Uint64Var(&o.runs, "runs", 0, "end after this `NUMBER` of runs")
	f.DurationVar(&o.time, "time", 0, "end after this time (default 1m without --runs)")
	f.StringArrayVar(&o.wires, "wire", nil, "strike only this `WIRE`; may be repeated")
	f.StringArrayVar(&o.messages, "message", nil, "strike only this `MESSAGE`; may be repeated")
	f.StringArrayVar(&o.kinds, "fault", nil, "strike only with this `FAULT`; may be repeated")
	f.StringArrayVar(&o.scenarios, "scenario", nil, "run only this `SCENARIO`; may be repeated")
	f.StringArrayVar(&o.rules, "rule", nil, "run with this fault, `RULE`; may be repeated")
	f.StringVar(&o.plan, "plan", "", "run with the rules in this `FILE`, one a line")
	f.StringVar(&o.hash, "hash", "", "with --rule: the run must have this trace `HASH`")
	f.StringVar(&o.json, "json", "", "write the report as JSON to this `FILE`; - is standard output")
	f.StringVar(&o.html, "html", "", "write the report as one HTML page to this `FILE`")
	f.BoolVar(&o.list, "list", false, "list wires, messages, faults and scenarios, and what must follow")
	return c
}

func (o *faultOptions) run(w io.Writer) error {
	if o.list {
		return listFaults(w)
	}
	plan, kinds, err := o.parse()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	l, err := o.laboratory(ctx)
	if err != nil {
		return err
	}
	for _, s := range o.scenarios {
		if !slices.Contains(l.Scenarios(), s) {
			return &fault.UnknownError{What: "scenario", Name: s, Have: l.Scenarios()}
		}
	}
	if plan != nil {
		return o.runPlan(w, l, plan)
	}
	return o.campaign(ctx, w, l, kinds)
}

// laboratory makes the one of the tier.
func (o *faultOptions) laboratory(ctx context.Context) (faults.Tier, error) {
	switch o.tier {
	case tierSim:
		return faults.NewLaboratory()
	case tierQEMU:
		return o.machines(ctx)
	}
	return nil, &fault.UnknownError{What: "tier", Name: o.tier, Have: []string{tierSim, tierQEMU}}
}

// parse checks every name that was given.
func (o *faultOptions) parse() (plan fault.Plan, kinds []fault.Kind, err error) {
	for _, text := range o.rules {
		r, err := fault.ParseRule(text)
		if err != nil {
			return nil, nil, err
		}
		plan = append(plan, r)
	}
	if o.plan != "" {
		f, err := os.Open(o.plan)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		more, err := fault.ParsePlan(f)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", o.plan, err)
		}
		if plan = append(plan, more...); len(plan) == 0 {
			return nil, nil, fmt.Errorf("%s: no rule in it", o.plan)
		}
	}
	for _, name := range o.kinds {
		k, err := fault.ParseKind(name)
		if err != nil {
			return nil, nil, err
		}
		kinds = append(kinds, k)
	}
	for _, wire := range o.wires {
		if err := fault.CheckWire(wire); err != nil {
			return nil, nil, err
		}
	}
	return plan, kinds, o.checkMessages()
}

// checkMessages finds a message that none of the wires has.
func (o *faultOptions) checkMessages() error {
	wires := o.wires
	if len(wires) == 0 {
		wires = fault.Wires()
	}
	var have []string
	for _, wire := range wires {
		for _, m := range fault.Messages(wire) {
			if !slices.Contains(have, m) {
				have = append(have, m)
			}
		}
	}
	for _, m := range o.messages {
		if !slices.Contains(have, m) {
			return &fault.UnknownError{What: "message", Name: m, Have: have}
		}
	}
	return nil
}

// runPlan runs each scenario once.
func (o *faultOptions) runPlan(w io.Writer, l faults.Tier, plan fault.Plan) error {
	scenarios := o.scenarios
	if len(scenarios) == 0 {
		scenarios = l.Scenarios()
	}
	found := false
	for _, s := range scenarios {
		r, err := l.Run(faults.Case{Scenario: s, Seed: o.seed, Plan: plan})
		if err != nil {
			return err
		}
		hash := fmt.Sprintf("%016x", r.Hash)
		fmt.Fprintf(w, "%s: %s, %d messages, trace hash %s\n", s, r.Outcome, r.Messages, hash)
		for i, rule := range plan {
			if !r.Activated[i] {
				fmt.Fprintf(w, "  did not strike: %s\n", rule)
			}
		}
		for _, what := range r.Findings {
			fmt.Fprintf(w, "  finding: %s\n", what)
			found = true
		}
		if o.hash != "" && o.hash != hash {
			return fmt.Errorf("%s: the trace hash is %s and not %s: another run than the one that is to be repeated", s, hash, o.hash)
		}
	}
	if found {
		return exitStatus(statusFindings)
	}
	return nil
}

// campaign runs until there was enough, and reports.
func (o *faultOptions) campaign(ctx context.Context, w io.Writer, l faults.Tier, kinds []fault.Kind) error {
	files, err := o.reports()
	if err != nil {
		return err // now and not in an hour
	}
	defer files.drop()
	limit := o.time
	if limit == 0 && o.runs == 0 {
		limit = defaultTime
	}
	timed := ctx
	if limit > 0 {
		var done context.CancelFunc
		timed, done = context.WithTimeout(ctx, limit)
		defer done()
	}
	start := time.Now()
	p := progress{start: start, limit: limit, on: terminal.Is(os.Stderr)}
	rep := faults.Campaign{Seed: o.seed, Runs: o.runs, Wires: o.wires, Messages: o.messages, Scenarios: o.scenarios,
		Kinds: kinds, Progress: p.show}.Run(timed, l)
	p.clear()
	if rep.Err != nil {
		return rep.Err
	}
	rep.Stopped = ctx.Err() != nil
	if len(rep.Cells) == 0 {
		return errors.New("none of these faults can happen to these messages: see starling faults --list")
	}
	s := report.Summarise(o.tier, rep, time.Since(start).Seconds())
	if err := o.write(w, s, files); err != nil {
		return err
	}
	if len(s.Findings) > 0 {
		return exitStatus(statusFindings)
	}
	return nil
}

// reportFile is where a report goes, made before there is one.
type reportFile struct {
	*os.File
	write func(*report.Summary, io.Writer) error
	made  bool // it was not there before
}

type reportFiles []reportFile

// reports makes the files that are wanted.
func (o *faultOptions) reports() (files reportFiles, err error) {
	for _, f := range []struct {
		name  string
		write func(*report.Summary, io.Writer) error
	}{{o.json, (*report.Summary).JSON}, {o.html, (*report.Summary).HTML}} {
		if f.name == "" || f.name == "-" {
			continue
		}
		_, missing := os.Lstat(f.name)
		to, err := os.OpenFile(f.name, os.O_WRONLY|os.O_CREATE, 0o666)
		if err != nil {
			files.drop()
			return nil, err
		}
		files = append(files, reportFile{to, f.write, missing != nil})
	}
	return files, nil
}

// drop removes what was made for nothing.
func (files reportFiles) drop() {
	for _, f := range files {
		if st, err := f.Stat(); err == nil && f.made && st.Size() == 0 {
			os.Remove(f.Name())
		}
		f.Close()
	}
}

// put writes a report in the place of what the file had.
func (f reportFile) put(s *report.Summary) error {
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		if err := f.Truncate(0); err != nil {
			return err
		}
	}
	return errors.Join(f.write(s, f), f.Close())
}

// write writes the report wherever it is wanted.
func (o *faultOptions) write(w io.Writer, s *report.Summary, files reportFiles) error {
	if o.json == "-" {
		if err := s.JSON(w); err != nil {
			return err
		}
	} else {
		s.Text(w)
	}
	for _, f := range files {
		if err := f.put(s); err != nil {
			return err
		}
	}
	return nil
}

// progress is a line on the terminal that says how far a campaign is.
type progress struct {
	start time.Time
	limit time.Duration
	on    bool
}

func (p *progress) show(r *faults.Report) {
	if !p.on {
		return
	}
	past := time.Since(p.start)
	line := fmt.Sprintf("%d runs, %d of %d cells struck, %d findings, %s", r.Runs, len(r.Cells)-len(r.NeverActivated()), len(r.Cells),
		len(r.Findings), past.Round(time.Second))
	if p.limit > 0 {
		line += " of " + p.limit.String()
	}
	fmt.Fprintf(os.Stderr, "\r\x1b[K%s", line)
}

func (p *progress) clear() {
	if p.on {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}

// listFaults says what there is.
func listFaults(w io.Writer) error {
	fmt.Fprintln(w, "faults:")
	for _, k := range fault.Kinds() {
		fmt.Fprintf(w, "  %-18s %s\n", k, k.Does())
	}
	fmt.Fprintln(w, "\nwires, their messages, and the faults of each:")
	for _, p := range fault.Places {
		var names []string
		for _, k := range p.Kinds {
			name := k.String()
			if e := p.Expect(k); e != fault.Unnoticed {
				name += " (" + e.String() + ")"
			}
			names = append(names, name)
		}
		only := ""
		if p.Sim {
			only = "; tier sim only"
		}
		fmt.Fprintf(w, "  %-14s %-24s %s%s\n", p.Wire, p.Message, strings.Join(names, ", "), only)
	}
	l, err := faults.NewLaboratory()
	if err != nil {
		return err
	}
	for _, tier := range []struct {
		name      string
		scenarios []string
	}{{tierSim, l.Scenarios()}, {tierQEMU, trial.Scenarios()}} {
		fmt.Fprintf(w, "\nscenarios of the tier %s:\n", tier.name)
		for _, s := range tier.scenarios {
			fmt.Fprintf(w, "  %s\n", s)
		}
	}
	return nil
}
