package signal

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// Values of Action.Handler that are no address (sigaction(2)).
const (
	Dfl = 0 // SIG_DFL
	Ign = 1 // SIG_IGN
)

// Flags of sigaction(2).
const (
	NoCldStop = 1
	NoCldWait = 2
	SigInfo   = 4
	ExposeTag = 0x800
	Restorer  = 0x04000000
	OnStack   = 0x08000000
	RestartOn = 0x10000000 // SA_RESTART
	NoDefer   = 0x40000000
	ResetHand = 0x80000000
	// KnownFlags are those that Linux keeps; others are cleared.
	KnownFlags = NoCldStop | NoCldWait | SigInfo | ExposeTag | Restorer | OnStack | RestartOn | NoDefer | ResetHand
)

// Action is what is to happen with one signal.
type Action struct {
	Handler  uint64
	Flags    uint64
	Restorer uint64
	Mask     Set
}

// Plain reports whether the action is a handler that stays installed when it runs.
func (a *Action) Plain() bool { return a.Handler > Ign && a.Flags&ResetHand == 0 }

// Handlers is the actions of a process, shared between processes with CLONE_SIGHAND.
type Handlers struct {
	ID     uint64
	Refs   int32
	action [Max]Action
}

// New makes a table with every action the default.
func New(id uint64) *Handlers { return &Handlers{ID: id, Refs: 1} }

// Of returns the action of signal n.
func (h *Handlers) Of(n int32) *Action { return &h.action[n-1] }

// Clone copies the table, as fork does.
func (h *Handlers) Clone(id uint64) *Handlers {
	c := &Handlers{ID: id, Refs: 1, action: h.action}
	return c
}

// ResetForExec makes every handled signal default; ignored ones stay ignored (execve(2)).
func (h *Handlers) ResetForExec() {
	for n := range h.action {
		if a := &h.action[n]; a.Handler != Ign {
			*a = Action{}
		} else {
			*a = Action{Handler: Ign}
		}
	}
}

// Clear makes every handled signal default, ignored ones too if all (CLONE_CLEAR_SIGHAND keeps those).
func (h *Handlers) Clear() {
	for n := range h.action {
		if a := &h.action[n]; a.Handler != Ign {
			*a = Action{}
		}
	}
}

// Ignores reports whether signal n would do nothing if it were delivered.
func (h *Handlers) Ignores(n int32) bool {
	a := h.Of(n)
	return a.Handler == Ign || a.Handler == Dfl && Bit(n)&Ignored != 0
}

// Sets returns which signals are ignored and which have a handler (/proc/PID/status).
func (h *Handlers) Sets() (ignored, caught Set) {
	for n := int32(1); n <= Max; n++ {
		switch h.Of(n).Handler {
		case Dfl:
		case Ign:
			ignored |= Bit(n)
		default:
			caught |= Bit(n)
		}
	}
	return ignored, caught
}

// ReapsChildren reports whether children end without becoming zombies: SIGCHLD
// is ignored explicitly or has SA_NOCLDWAIT.
func (h *Handlers) ReapsChildren() bool {
	a := h.Of(int32(unix.SIGCHLD))
	return a.Handler == Ign || a.Flags&NoCldWait != 0
}

// Export gives the state of the table.
func (h *Handlers) Export() *state.HandlersT {
	t := &state.HandlersT{Id: h.ID}
	for n := range h.action {
		if a := &h.action[n]; *a != (Action{}) {
			t.Actions = append(t.Actions, &state.SignalActionT{Number: int32(n) + 1, Handler: a.Handler,
				Flags: a.Flags, Restorer: a.Restorer, Mask: uint64(a.Mask)})
		}
	}
	return t
}

// Import makes a table of its state, without references.
func Import(t *state.HandlersT) *Handlers {
	h := &Handlers{ID: t.Id}
	for _, a := range t.Actions {
		if Valid(a.Number) {
			*h.Of(a.Number) = Action{Handler: a.Handler, Flags: a.Flags, Restorer: a.Restorer, Mask: Set(a.Mask)}
		}
	}
	return h
}
