package supervisor

import (
	"encoding/json"
	"fmt"
	"strings"

	"starling/ipc"
	"starling/ipc/bootconfig"
	"starling/ipc/callnum"
	"starling/ipc/console"
	"starling/ipc/control"
	"starling/ipc/supervise"
)

// Exit codes of the machine. The control channel has said more by then.
const (
	codeOrderly = 0
	codeFailure = 1
)

// ending is how far the end of the machine has come. It is looked at after
// every event: each step waits for the console to notify that it got further.
type ending struct {
	personality ipc.Handle // root's wire to it
	changed     bool       // the personality said that its state has changed
	decided     bool       // the machine is to stop; outbox has the reason
	failed      bool
	outbox      []byte // lines for the host that the console has not accepted yet
}

// started tells the host that everything runs.
func (r *Root) started() error {
	names := make([]string, len(r.servers))
	for i, s := range r.servers {
		names[i] = s.spec.Name
	}
	r.say(control.ToHost{Started: &control.Started{Servers: names, Now: r.t.Now()}})
	r.arm()
	if r.console != nil {
		r.readControl() // asks for a notification when there is more
	}
	r.startPulse()
	r.setTimer()
	return nil
}

// say queues a line for the host.
func (r *Root) say(v control.ToHost) {
	line := control.Encode(v)
	if r.console == nil {
		if v.Failure != "" {
			line = []byte(v.Failure)
		}
		r.t.Log("root: " + strings.TrimSpace(string(line)) + "\n")
		return
	}
	r.ending.outbox = append(r.ending.outbox, line...)
	r.flush()
}

// flush offers what is queued to the console and reports whether all of it went.
func (r *Root) flush() bool {
	e := &r.ending
	if len(e.outbox) == 0 {
		return true
	}
	n, _, err := r.console.Write(console.Control, e.outbox)
	if err != nil {
		r.t.Log(string(e.outbox))
		n = len(e.outbox)
	}
	e.outbox = append(e.outbox[:0], e.outbox[n:]...)
	return len(e.outbox) == 0
}

// fail stops the machine because Starling itself cannot go on.
func (r *Root) fail(reason string) {
	if r.ending.decided {
		return
	}
	r.ending.decided, r.ending.failed = true, true
	r.sayLabs()
	r.say(control.ToHost{Failure: reason})
}

// Fail is fail for whoever runs root's loop; it reports whether root is to go
// on waiting for events.
func (r *Root) Fail(err error) bool {
	r.fail(err.Error())
	return !r.proceed()
}

// proceed takes the steps towards the end that can be taken now, and reports
// whether the machine was stopped.
func (r *Root) proceed() bool {
	e := &r.ending
	if !e.decided {
		r.askPersonality()
	}
	if !e.decided {
		r.flush()
		return false
	}
	if r.console != nil && !(r.flush() && r.drained(console.Control)) {
		return false
	}
	code := codeOrderly
	if e.failed {
		code = codeFailure
	}
	if err := r.t.Shutdown(r.machine, code); err != nil {
		r.t.Log(fmt.Sprintf("root: shutdown: %v\n", err))
	}
	return true
}

// drained reports whether everything written to a channel has left the machine.
// When it has not, the console will notify.
func (r *Root) drained(c console.Channel) bool {
	s, err := r.console.Status(c)
	return err != nil || s.Pending == 0 || s.Flags&console.Broken != 0
}

// askPersonality finds out whether the program has ended. Its output goes out
// before the news of its end.
func (r *Root) askPersonality() {
	e := &r.ending
	if e.personality == 0 || !e.changed || r.swapping() || r.standsStill() {
		return
	}
	report, err := supervise.Ask(r.t, e.personality, supervise.OpState)
	if err != nil {
		return // its death will be an event of its own
	}
	if report.State != supervise.Exited && report.State != supervise.Refused {
		e.changed = false
		return
	}
	if r.console != nil && !(r.drained(console.Terminal) && r.drained(console.Errors)) {
		return
	}
	e.decided = true
	r.sayLabs()
	if report.State == supervise.Refused {
		r.say(control.ToHost{Refused: &control.Refused{Errno: report.Code, Text: report.Text}})
		return
	}
	r.say(control.ToHost{Exit: &control.Exit{Code: report.Code, Signal: report.Signal, Text: report.Text + r.aboutTheRun()}})
}

// aboutTheRun is the personality's counters, if the run was to be counted.
func (r *Root) aboutTheRun() string {
	if r.config.Flags&bootconfig.CountMissing == 0 {
		return ""
	}
	report, err := supervise.Ask(r.t, r.ending.personality, supervise.OpStats)
	if err != nil {
		return ""
	}
	return report.Text
}

// readControl takes the host's lines.
func (r *Root) readControl() {
	if r.console == nil {
		return
	}
	var buf [1024]byte
	for {
		n, _, err := r.console.Read(console.Control, buf[:])
		if err != nil || n == 0 {
			return
		}
		if err := r.lines.Add(buf[:n], r.command); err != nil {
			r.say(control.ToHost{Log: err.Error()})
		}
	}
}

// command does what one line of the host says.
func (r *Root) command(line []byte) {
	var c control.FromHost
	if err := json.Unmarshal(line, &c); err != nil {
		r.say(control.ToHost{Log: fmt.Sprintf("control: %v", err)})
		return
	}
	var err error
	if c.Window != nil {
		_, err = r.console.Window(console.Terminal, c.Window.Rows, c.Window.Columns)
	}
	if c.EOF && err == nil {
		_, err = r.console.InputEnd(console.Terminal, c.Bytes)
	}
	if err != nil {
		r.say(control.ToHost{Log: fmt.Sprintf("control: console: %v", err)})
	}
	if c.Stats {
		r.say(control.ToHost{ID: c.ID, Stats: r.stats()})
	}
	if c.Servers {
		r.askServers(c.ID)
	}
	if c.Wires {
		r.say(control.ToHost{ID: c.ID, Wires: r.describeWires()})
	}
	if c.Swap != nil {
		r.startSwap(c.ID, c.Swap)
	}
}

// counter is a transport that can read the kernel's counters.
type counter interface {
	Counter(index int) (uint64, error)
}

func (r *Root) stats() *control.Stats {
	s := &control.Stats{Now: r.t.Now(), KernelFree: r.t.KernelFree()}
	if k, ok := r.t.(counter); ok {
		for index, to := range map[int]*uint64{
			callnum.CounterSpaceSwitch: &s.SpaceSwitches, callnum.CounterTraps: &s.Traps,
			callnum.CounterInterrupts: &s.Interrupts, callnum.CounterIdle: &s.Idle,
		} {
			*to, _ = k.Counter(index)
		}
	}
	if r.pager != nil {
		_, free, _ := r.pager.Usage(supervise.Badge)
		s.MemoryFree = free * pageSize
	}
	return s
}
