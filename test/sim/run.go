package sim

import (
	"bytes"
	"fmt"
	"strings"
	"unsafe"

	"starling/ipc"
	"starling/ipc/console"
	kernel "starling/ipc/sim"
	"starling/ipc/supervise"
	"starling/ipc/wire"
)

// A run in which more things happen, or that takes longer in its own time, counts as
// one that never ends.
const (
	stepsLimit = 20e6
	timeLimit  = 3600e9 // ns
)

// askEvery is how often root asks without having been told to, in ns: a notification can get lost.
const askEvery = 1e9

// notified is root's part: the personality says that something changed, or did not for a while, and root
// asks what.
func (m *Machine) notified(ev *ipc.Event) {
	if ev.Kind != ipc.EventTimer && (ev.Kind != ipc.EventNotify || ev.Bits&supervise.Changed == 0) {
		return
	}
	m.root.TimerSet(m.up, ev.Time+askEvery)
	r, err := supervise.Ask(m.root, m.down, supervise.OpState)
	if err != nil {
		m.t.Errorf("root asks for the state: %v", err)
		return
	}
	m.report = r
}

// Over reports whether the program has ended, or could not be started.
func (m *Machine) Over() bool {
	return m.report.State == supervise.Exited || m.report.State == supervise.Refused
}

// Run starts the program and steps until it has ended.
func (m *Machine) Run(args ...string) {
	m.t.Helper()
	m.Start(args...)
	m.Finish()
}

// Finish steps until the program has ended.
func (m *Machine) Finish() {
	m.t.Helper()
	m.Until("the program ends", m.Over)
}

// Until steps until something is so. A machine where nothing can happen any more, or
// that goes on for ever, is an error.
func (m *Machine) Until(what string, done func() bool) {
	m.t.Helper()
	end := m.Kernel.Now() + timeLimit
	m.Kernel.Run(m.options.MaxSteps, func() bool { return done() || m.Kernel.Now() > end })
	if !done() && m.Kernel.Now() > end {
		m.t.Fatalf("an hour later still not: %s\noutput %q\n%s", what, m.Output(), m.Kernel.Console())
	}
	if !done() {
		m.t.Fatalf("nothing can happen any more, or far too much, and not: %s\noutput %q\n%s", what, m.Output(), m.Kernel.Console())
	}
}

// Output is what the program wrote to the terminal, or to standard output.
func (m *Machine) Output() string { return m.Console.Output(console.Terminal) }

// Errors is what it wrote to standard error when that is not the terminal.
func (m *Machine) Errors() string { return m.Console.Output(console.Errors) }

// Ending is how a program ended.
type Ending struct {
	State        supervise.State
	Code, Signal uint32
}

// String is the ending in words.
func (e Ending) String() string {
	switch {
	case e.State == supervise.Refused:
		return fmt.Sprintf("refused with errno %d", e.Code)
	case e.State != supervise.Exited:
		return "not ended"
	case e.Signal != 0:
		return fmt.Sprintf("killed by signal %d", e.Signal)
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

// Exited is a program's exit with a status, Killed its end by a signal, Refused
// one that could not be started.
func Exited(code uint32) Ending   { return Ending{supervise.Exited, code, 0} }
func Killed(signal uint32) Ending { return Ending{supervise.Exited, 0, signal} }
func Refused(errno uint32) Ending { return Ending{supervise.Refused, errno, 0} }

// Ending is how the program ended.
func (m *Machine) Ending() Ending {
	e := Ending{m.report.State, m.report.Code, m.report.Signal}
	if e.Signal != 0 {
		e.Code = 0
	}
	return e
}

// Expect compares ending and output.
func (m *Machine) Expect(e Ending, output string) {
	m.t.Helper()
	if got := m.Ending(); got != e {
		m.t.Errorf("%v, want %v; %s\n%s", got, e, m.report.Text, m.Kernel.Console())
	}
	if got := m.Output(); got != output {
		m.t.Errorf("output %q, want %q", got, output)
	}
}

// EveryMessage checks at every message boundary of the personality, or every nth, that
// its state exported, imported into a fresh personality and exported again
// is the same bytes, and goes on with the fresh one. Call it before Start.
func (m *Machine) EveryMessage(nth int) {
	n := 0
	m.Kernel.Tap(func(msg kernel.Message) {
		if msg.Kind != kernel.MessageHandled || msg.Server != m.linux || m.Server == nil {
			return
		}
		if n++; n%nth == 0 {
			m.swap(n)
		}
	})
}

// Checked is how many times EveryMessage has compared.
func (m *Machine) Checked() int { return m.checked }

func (m *Machine) swap(n int) {
	before := m.Server.Export()
	fresh, err := m.options.Personality(&m.parts, true)
	if err != nil {
		m.t.Fatalf("message %d: fresh personality: %v", n, err)
	}
	if err := fresh.Import(bytes.Clone(before)); err != nil {
		m.t.Fatalf("message %d: import: %v", n, err)
	}
	if after := fresh.Export(); !bytes.Equal(before, after) {
		m.t.Fatalf("message %d: state exported, imported and exported again is another one:\n%s", n, m.differences(before, after))
	}
	m.Server = fresh
	m.checked++
}

// differences says in which fields two states differ.
func (m *Machine) differences(before, after []byte) string {
	schema := m.options.Schema
	if schema == nil {
		return fmt.Sprintf("%d and %d bytes", len(before), len(after))
	}
	a, err := wire.Text(schema, before)
	if err != nil {
		return err.Error()
	}
	b, err := wire.Text(schema, after)
	if err != nil {
		return err.Error()
	}
	const most = 20
	var list []string
	only := func(sign string, of, in []string) {
		have := map[string]bool{}
		for _, l := range in {
			have[l] = true
		}
		for _, l := range of {
			if !have[l] && len(list) < most {
				list = append(list, sign+l)
			}
		}
	}
	only("before ", a, b)
	only("after  ", b, a)
	if list == nil {
		return "the same fields in another order or layout"
	}
	return strings.Join(list, "\n")
}

// Replay gives the log of a machine booted with Options.Record to another
// personality, which must do the same and go through the same states.
func (m *Machine) Replay() error {
	r := kernel.NewReplay(m.recorder.Recording())
	p := m.parts
	p.Transport = r
	move := func(at unsafe.Pointer) unsafe.Pointer {
		return unsafe.Add(r.Kernel().Window(), uintptr(at)-uintptr(m.parts.Window))
	}
	p.Window, p.FrameBase = r.Kernel().Window(), move(p.FrameBase)
	p.RootFS = unsafe.Slice((*byte)(move(unsafe.Pointer(&p.RootFS[0]))), len(p.RootFS))
	return r.Run(func() (kernel.Handler, func() []byte) {
		s, err := m.options.Personality(&p, false)
		if err != nil {
			m.t.Fatal(err)
		}
		return s, s.Export
	})
}
