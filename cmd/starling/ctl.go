package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"starling/cmd/starling/live"
	"starling/ipc/control"
)

// ctl is what the subcommands of ctl share.
type ctl struct {
	socket string
	json   bool
}

func ctlCommand() *cobra.Command {
	var o ctl
	c := &cobra.Command{
		Use:   "ctl",
		Short: "Look at a running system, and swap its servers",
		Long: `Ctl talks to a system that "starling run" has started, over its control socket. It
finds the only one by itself. Exit status: 0 when done, 1 when the system refused
or a swap was rolled back, 125 when there is no system to talk to.`,
		Example: `  starling ctl ps
  starling ctl swap linux
  starling ctl swap linux --with linux-next --json`,
	}
	c.PersistentFlags().StringVar(&o.socket, "socket", "", "control socket of the system: a `PATH` (default: that of the only one)")
	c.PersistentFlags().BoolVar(&o.json, "json", false, "print JSON")
	c.AddCommand(
		o.command("ps", "Show the servers: builds, generations, threads, memory, and what they run", o.servers),
		o.command("wires", "Show which server may call which", o.wires),
		o.command("stats", "Show the kernel's counters", o.stats),
		o.command("log", "Show what was worth knowing since the start: deaths, swaps, failures", o.log),
		o.swapCommand(),
	)
	return c
}

// command makes a subcommand without arguments.
func (o *ctl) command(name, short string, run func(*live.Client) error) *cobra.Command {
	return &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		c, err := live.Dial(o.socket)
		if err != nil {
			return err
		}
		defer c.Close()
		return run(c)
	}}
}

// statusRefused is the exit status when the system did not do it.
const statusRefused = 1

func (o *ctl) swapCommand() *cobra.Command {
	var s control.Swap
	var limit time.Duration
	c := &cobra.Command{
		Use:   "swap SERVER",
		Short: "Put a new instance into a server's place while its programs run",
		Long: `Swap starts a new instance of a server, hands the state of the old one over to it,
and lets it go on where the old one stopped. When anything fails before that, or a
step takes too long, the old instance goes on as if nothing had been.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := live.Dial(o.socket)
			if err != nil {
				return err
			}
			defer c.Close()
			s.Server, s.Limit = args[0], int64(limit)
			return o.swap(c, &s)
		},
	}
	c.Flags().StringVar(&s.With, "with", "", "the `BUILD` to run, of those that \"ctl ps\" shows (default: the same again)")
	c.Flags().DurationVar(&limit, "limit", 30*time.Second, "how much of the machine's `TIME` one step may take")
	return c
}

// show prints JSON if that is wanted and reports whether it was.
func (o *ctl) show(v any) (bool, error) {
	if !o.json {
		return false, nil
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return true, e.Encode(v)
}

func (o *ctl) swap(c *live.Client, s *control.Swap) error {
	m, err := c.Ask(control.FromHost{Swap: s})
	if err != nil {
		return err
	}
	if m.Swap == nil {
		return errUnexpected
	}
	if done, err := o.show(m.Swap); err != nil {
		return err
	} else if !done && m.Swap.Error == "" {
		fmt.Println(m.Swap)
	}
	if m.Swap.Error != "" {
		if !o.json {
			complain(m.Swap.String())
		}
		return exitStatus(statusRefused)
	}
	return nil
}

// errUnexpected says that the system gave another answer than was asked for.
var errUnexpected = errors.New("the system's answer is of another kind: is it of another version?")

func (o *ctl) servers(c *live.Client) error {
	m, err := c.Ask(control.FromHost{Servers: true})
	if err != nil {
		return err
	}
	if done, err := o.show(m.Servers); done || err != nil {
		return err
	}
	t := table("SERVER", "BUILD", "GENERATION", "RESTARTS", "PRIORITY", "THREADS", "MEMORY", "GIVEN", "OTHER BUILDS")
	for _, s := range m.Servers {
		var others []string
		for _, b := range s.Builds {
			if b != s.Build {
				others = append(others, b)
			}
		}
		row(t, s.Name, s.Build, s.Generation, s.Restarts, s.Priority, s.Threads, kib(s.Resident), kib(s.Given), strings.Join(others, " "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range m.Servers {
		if s.Silent {
			fmt.Printf("%s: does not answer: it is busy for long, or hangs (\"hang\" in the manifest ends it then)\n", s.Name)
		}
		for line := range strings.Lines(s.Text) {
			var counts struct{ Processes, Threads, Running *int }
			if json.Unmarshal([]byte(line), &counts) == nil && counts.Processes != nil && counts.Threads != nil && counts.Running != nil {
				fmt.Printf("%s: %d processes, %d threads, %d of them in user mode\n", s.Name, *counts.Processes, *counts.Threads, *counts.Running)
			}
		}
	}
	return nil
}

func kib(bytes uint64) string { return fmt.Sprintf("%d KiB", bytes>>10) }

func (o *ctl) wires(c *live.Client) error {
	m, err := c.Ask(control.FromHost{Wires: true})
	if err != nil {
		return err
	}
	if done, err := o.show(m.Wires); done || err != nil {
		return err
	}
	t := table("FROM", "TO", "NAME", "BADGE")
	for _, w := range m.Wires {
		row(t, w.From, w.To, w.Name, fmt.Sprintf("%#x", w.Badge))
	}
	return t.Flush()
}

func (o *ctl) stats(c *live.Client) error {
	m, err := c.Ask(control.FromHost{Stats: true})
	if err != nil {
		return err
	}
	if m.Stats == nil {
		return errUnexpected
	}
	if done, err := o.show(m.Stats); done || err != nil {
		return err
	}
	t := table("COUNTER", "VALUE")
	row(t, "time since boot", time.Duration(m.Stats.Now))
	row(t, "idle", time.Duration(m.Stats.Idle))
	row(t, "traps", m.Stats.Traps)
	row(t, "address-space switches", m.Stats.SpaceSwitches)
	row(t, "interrupts", m.Stats.Interrupts)
	row(t, "kernel pages free", m.Stats.KernelFree)
	row(t, "memory free for programs", kib(m.Stats.MemoryFree))
	return t.Flush()
}

func (o *ctl) log(c *live.Client) error {
	lines, err := c.Log()
	if err != nil {
		return err
	}
	if done, err := o.show(lines); done || err != nil {
		return err
	}
	for _, l := range lines {
		fmt.Println(l)
	}
	return nil
}

// table begins a table on standard output.
func table(columns ...string) *tabwriter.Writer {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(columns, "\t"))
	return t
}

func row(t *tabwriter.Writer, cells ...any) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(t, "\t")
		}
		fmt.Fprint(t, c)
	}
	fmt.Fprintln(t)
}
