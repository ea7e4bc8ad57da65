package task

import (
	"fmt"
	"strings"
)

// RunStates is how many states there are.
const RunStates = runStates

// Transitions are the ways out of a state.
func (r RunState) Transitions() []Transition { return transitions[r] }

// stops has, for each reason of a stop, what holds the thread and what wait(2) shows.
var stops = [stopReasons]struct{ name, what, shows string }{
	NotStopped: {"NotStopped", "not held", ""},
	StopGroup:  {"StopGroup", "the process was stopped by a signal (job control)", "the signal, to the parent, once for the process"},
	StopSignal: {"StopSignal", "a tracer holds it before a signal is delivered", "the signal"},
	StopEntry:  {"StopEntry", "a tracer holds it at the entry of a system call", "SIGTRAP, with 0x80 if PTRACE_O_TRACESYSGOOD"},
	StopReturn: {"StopReturn", "a tracer holds it at the return of a system call", "SIGTRAP, with 0x80 if PTRACE_O_TRACESYSGOOD"},
	StopEvent:  {"StopEvent", "a tracer holds it at an event: fork, exec, exit, a seccomp filter", "SIGTRAP and the event above it"},
	StopTrap:   {"StopTrap", "a tracer holds it in a group stop, or has asked for it", "the stop signal, or SIGTRAP, with PTRACE_EVENT_STOP for a seized thread"},
}

// Markdown is the page about run states: the drawing and the tables.
func Markdown() string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	fmt.Fprintf(&b, "    [*] --> %s\n", Starting)
	for from := range runStates {
		for _, x := range transitions[from] {
			fmt.Fprintf(&b, "    %s --> %s: %s\n", from, x.To, x.Why)
		}
	}
	fmt.Fprintf(&b, "    %s --> [*]\n```\n\n| state | what the thread is doing |\n|---|---|\n", Dead)
	for r := range runStates {
		fmt.Fprintf(&b, "| %s | %s |\n", r, states[r].what)
	}
	b.WriteString("\n| from | to | why |\n|---|---|---|\n")
	for from := range runStates {
		for _, x := range transitions[from] {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", from, x.To, x.Why)
		}
	}
	b.WriteString("\n| stop | what holds the thread | what wait(2) shows |\n|---|---|---|\n")
	for _, s := range stops[StopGroup:] {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", s.name, s.what, s.shows)
	}
	return b.String()
}
