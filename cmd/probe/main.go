// Command probe runs a program under Linux with probes in functions of files, and prints at its end how often each was
// hit; for returns a histogram of how long the calls took. It is what "starling run --uprobe" runs inside
// the system, and it needs nothing but bpf(2) and perf_event_open(2).
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// Exit statuses, as those of a shell.
const (
	statusFailure  = 125
	statusNoRun    = 126
	statusNotFound = 127
	statusSignal   = 128
)

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return fmt.Sprint(*l) }

// Set implements flag.Value.
func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

func main() {
	var entries, returns list
	flag.Var(&entries, "uprobe", "count the calls of a function, PATH:SYMBOL or PATH:SYMBOL+OFFSET")
	flag.Var(&returns, "uretprobe", "measure the calls of a function, PATH:SYMBOL")
	flag.Parse()
	status, err := run(entries, returns, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
	}
	os.Exit(status)
}

// run attaches the probes, runs the program and reports. The result is the program's exit status.
func run(entries, returns, args []string) (int, error) {
	if len(args) == 0 {
		return statusFailure, errors.New("no program")
	}
	var probes []*probe
	for _, p := range []struct {
		specs []string
		open  func(spec string) (*probe, error)
	}{{entries, countCalls}, {returns, measureCalls}} {
		for _, spec := range p.specs {
			one, err := p.open(spec)
			if err != nil {
				return statusFailure, fmt.Errorf("%s: %w", spec, err)
			}
			defer one.close()
			probes = append(probes, one)
		}
	}
	// What the terminal sends is for the program.
	signal.Ignore(syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTSTP)
	status, err := child(args)
	if err != nil {
		return status, err
	}
	for _, p := range probes {
		if err := p.report(os.Stderr); err != nil {
			return statusFailure, err
		}
	}
	return status, nil
}

// child runs the program with the streams of this one.
func child(args []string) (int, error) {
	c := exec.Command(args[0], args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return statusNotFound, err
	case errors.As(err, &exit):
		if w := exit.Sys().(syscall.WaitStatus); w.Signaled() {
			return statusSignal + int(w.Signal()), nil
		}
		return exit.ExitCode(), nil
	case err != nil:
		return statusNoRun, err
	}
	return 0, nil
}
