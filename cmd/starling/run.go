package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"starling/cmd/starling/live"
	"starling/cmd/starling/qemu"
	"starling/cmd/starling/session"
	"starling/cmd/starling/terminal"
	"starling/cmd/starling/tracefile"
	"starling/ipc/bootconfig"
)

func runCommand() *cobra.Command {
	var o options
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "run [flags] [--] [PROGRAM [ARGUMENT...]]",
		Short: "Run a Linux program; without one, a shell",
		Long: `Run boots the system and runs one Linux program in it. Its standard input,
output and error are those of this command, and so is its exit status: 128+N when
signal N ended it, 124 when the time ran out, 126 and 127 when it could not be
executed or found, and 125 when Starling itself failed.`,
		Example: `  starling run
  starling run -- ls -l /
  starling run --deb python3-minimal -- python3 -c 'print(1)'
  starling run --add ./prog:/bin/prog --uretprobe /bin/prog:work -- prog`,
		RunE: func(c *cobra.Command, args []string) error { return run(&o, timeout, args) },
	}
	c.Flags().SetInterspersed(false) // what follows PROGRAM is its own
	o.flags(c.Flags())
	c.Flags().DurationVar(&o.swapEvery, "swap-every", 0, "put a new instance into the personality's place again and again, after this `TIME` of the machine's clock")
	c.Flags().StringArrayVar(&o.swapWith, "swap-with", nil, "swap to this `BUILD`; may be repeated, then they take turns (default: the one that runs)")
	c.Flags().StringVar(&o.socket, "socket", "", "where \"starling ctl\" reaches the system: a `PATH` (default: one in the user's runtime directory)")
	c.Flags().StringArrayVar(&o.uprobes, "uprobe", nil, "count how often a function is entered, `PATH:SYMBOL`, and say so at the end; may be repeated")
	c.Flags().StringArrayVar(&o.uretprobes, "uretprobe", nil, "measure how long the calls of a function take, `PATH:SYMBOL`; may be repeated")
	c.Flags().DurationVar(&timeout, "timeout", 0, "end the run after this time (0: never)")
	return c
}

func run(o *options, timeout time.Duration, args []string) error {
	if err := qemu.Installed(); err != nil {
		return err
	}
	s, err := o.prepare()
	if err != nil {
		return err
	}
	err = s.setProgram(args)
	if err == nil {
		err = s.probe(o)
	}
	if err != nil {
		complain(err.Error())
		if errors.Is(err, errNotFound) {
			return exitStatus(session.StatusNotFound)
		}
		return exitStatus(session.StatusFailure)
	}
	status, messages, err := s.run(o, timeout)
	if err != nil {
		return err
	}
	complain(messages...)
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

// run boots the system with the streams of this command. The terminal is back
// as it was when it returns.
func (s *system) run(o *options, timeout time.Duration) (status int, messages []string, err error) {
	isTerminal := terminal.Is(os.Stdin) && terminal.Is(os.Stdout) && terminal.Is(os.Stderr)
	if isTerminal {
		s.Config.Flags |= bootconfig.Terminal
		s.Config.Rows, s.Config.Columns = terminal.Size(os.Stdin)
		if term := os.Getenv("TERM"); term != "" {
			s.Config.Env = setEnv(s.Config.Env, "TERM="+term)
		}
	}
	image, err := s.compose()
	if err != nil {
		return 0, nil, err
	}
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(interrupt)
	machine, err := qemu.Start(s.qemu, image)
	if err != nil {
		return 0, nil, err
	}
	defer machine.Kill()
	one := session.Session{
		Machine: machine, Terminal: machine.Terminal, Control: machine.Control, Errors: machine.Errors, Emergency: machine.Emergency,
		Input: os.Stdin, Output: os.Stdout, Stderr: os.Stderr,
		IsTerminal: isTerminal, Timeout: timeout, Interrupt: interrupt, Verbose: o.verbose,
	}
	if isTerminal {
		raw, err := terminal.MakeRaw(os.Stdin)
		if err != nil {
			return 0, nil, err
		}
		defer raw.Restore()
		one.Resized = terminal.Resized()
		one.Size = func() (uint16, uint16) { return terminal.Size(os.Stdin) }
	}
	if one.Input = io.Reader(os.Stdin); !isOpen(os.Stdin) {
		one.Input = nil
	}
	var lines tracefile.Writer
	if o.trace {
		lines.Text = os.Stderr
	}
	one.Trace = lines.Add
	hub := live.NewHub(machine.Done())
	hub.Counting = o.icount
	one.OnLine, one.Commands = hub.Line, hub.Commands
	if listener, err := hub.Listen(o.socket); err != nil {
		complain(fmt.Sprintf("no control socket: %v", err))
	} else {
		defer listener.Close()
	}
	if o.swapEvery > 0 {
		swaps := live.Swapper{Hub: hub, Server: s.personality, Every: o.swapEvery, Builds: o.swapWith}
		swaps.Start()
		defer func() { messages = append(messages, swaps.Summary()...) }()
	}
	status, messages = one.Run()
	if o.traceJSON != "" {
		err = writeFile(o.traceJSON, lines.JSON)
	}
	return status, messages, err
}

// writeFile makes a file of what write writes.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// isOpen reports whether a standard stream exists at all: it may have been closed.
func isOpen(f *os.File) bool {
	_, err := f.Stat()
	return err == nil
}
