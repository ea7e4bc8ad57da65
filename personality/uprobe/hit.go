package uprobe

import (
	"encoding/binary"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/mm"
	"starling/personality/usermem"
)

// Outcome is what becomes of a thread. Unless it is NotOurs, general and control registers have changed.
type Outcome uint8

const (
	// NotOurs: the exception is the program's own.
	NotOurs Outcome = iota
	// Done: the thread goes on.
	Done
	// Stepping: it goes on, and nothing may be delivered before its next trap.
	Stepping
	// DoneStep: it goes on, and the step that its tracer or itself wanted is over.
	DoneStep
	// Illegal: SIGILL.
	Illegal
	// Broken: SIGSEGV: the stack was not there.
	Broken
)

// maxReturns is how many calls of one thread may be waited for (MAX_URETPROBE_DEPTH).
const maxReturns = 64

// State is what there is about one thread. The zero value is a thread that was never at a probe.
type State struct {
	active  bool
	slot    uint32
	at      uint64 // of the instruction
	saved   uint64
	ownStep bool
	code    *isa.Probed
	bytes   []byte
	returns []waiting
}

// waiting is a function that a return probe waits for.
type waiting struct {
	inode, offset       uint64
	to, stack, function uint64
	chained             bool
}

// Active reports whether the thread is stepping a copy: no signal may be delivered.
func (s *State) Active() bool { return s.active }

// load and store reach words of the program's stack.
func load(s *mm.Space) func(va uint64) (uint64, bool) {
	return func(va uint64) (uint64, bool) {
		v, e := usermem.Read64(s, va)
		return v, e == 0
	}
}

func store(s *mm.Space) func(va, v uint64) bool {
	return func(va, v uint64) bool {
		if b, e := s.Span(va, 8, ipc.Write); e == 0 && len(b) == 8 {
			binary.LittleEndian.PutUint64(b, v)
			return true
		}
		return usermem.Write64(s, va, v) == 0
	}
}

// Breakpoint is the exception of a breakpoint.
func (t *Table) Breakpoint(x *Target) Outcome {
	s := x.Space
	at := isa.BreakpointAddress(x.Frame)
	if s.Area != 0 && at == s.Area {
		return t.returned(x)
	}
	p := t.at(s, at)
	if p == nil {
		return gone(x, at)
	}
	isa.SetIP(x.Frame, at)
	slot, stepped := uint32(0), p.code.Steps()
	if stepped {
		// First what may fail: consumers are told once.
		if s.Area == 0 && s.MakeArea(0) != 0 {
			return Broken
		}
		var ok bool
		if slot, ok = s.TakeSlot(); !ok {
			return Done // all slots are in use by other threads: it comes here again
		}
	}
	if !t.tell(p, x) {
		// Nobody wants this space: a child has it by fork(2).
		if stepped {
			s.GiveSlot(slot)
		}
		p.remove(s)
		return Done
	}
	if p.code.Emulate(x.Frame, at, store(s)) {
		if stepped {
			s.GiveSlot(slot)
		}
		return stepEnded(x)
	}
	if !stepped {
		// The stack cannot be written: the instruction itself is to fault, from its own place.
		if s.Area == 0 && s.MakeArea(0) != 0 {
			return Broken
		}
		var ok bool
		if slot, ok = s.TakeSlot(); !ok {
			return Broken
		}
	}
	st := x.State
	st.active, st.slot, st.at, st.code, st.bytes = true, slot, at, &p.code, p.bytes
	to := s.SlotAddress(slot)
	s.FillSlot(slot, &p.code)
	st.saved, st.ownStep = p.code.BeginProbeStep(x.Frame, at, to)
	return Stepping
}

// stepEnded is the end of an instruction that was emulated: of a step too, if there was to be one.
func stepEnded(x *Target) Outcome {
	if isa.Steps(x.Frame) {
		return DoneStep
	}
	return Done
}

// gone decides about a breakpoint without a probe: one that is there is the program's own, one that
// was taken away meanwhile never was.
func gone(x *Target, at uint64) Outcome {
	if !x.Space.Probed {
		return NotOurs
	}
	var b [1]byte
	if _, e := usermem.CopyIn(mm.Forced{S: x.Space}, b[:], at); e != 0 || b[0] == isa.Breakpoint {
		return NotOurs
	}
	isa.SetIP(x.Frame, at)
	return Done
}

// tell tells the consumers of a hit, and has the return of the function reported where one
// wants that. False: none wants this space.
func (t *Table) tell(p *Probe, x *Target) (wanted bool) {
	t.hit = Hit{Target: x, Function: isa.IP(x.Frame)}
	returns := false
	for i := range p.consumers {
		c := &p.consumers[i]
		if !c.Wants(x.Space) {
			continue
		}
		wanted = true
		if c.atReturn {
			returns = true
		} else {
			c.Hit(&t.hit)
		}
	}
	if returns {
		t.await(p, x)
	}
	return wanted
}

// await sends the function that was entered to the trampoline when it returns (prepare_uretprobe).
func (t *Table) await(p *Probe, x *Target) {
	s, st := x.Space, x.State
	if len(st.returns) >= maxReturns || s.Area == 0 && s.MakeArea(0) != 0 {
		return
	}
	to, ok := isa.HijackReturn(x.Frame, s.Area, load(s), store(s))
	if !ok {
		return
	}
	chained := to == s.Area
	// Functions that were left by longjmp(3) never return.
	for n := len(st.returns); n > 0 && !isa.ProbeAlive(x.Frame, st.returns[n-1].stack, !chained); n-- {
		st.returns = st.returns[:n-1]
	}
	n := len(st.returns)
	if chained {
		if n == 0 {
			return // the program itself has put the address there
		}
		to = st.returns[n-1].to
	}
	st.returns = append(st.returns, waiting{
		inode: p.inode.Id, offset: p.offset, to: to, stack: isa.SP(x.Frame), function: isa.IP(x.Frame), chained: chained})
}

// returned is a thread at the trampoline (handle_trampoline).
func (t *Table) returned(x *Target) Outcome {
	st := x.State
	if len(st.returns) == 0 {
		return Illegal
	}
	for {
		n := len(st.returns)
		first := n - 1
		for first > 0 && st.returns[first].chained {
			first--
		}
		// A function that has returned while an outer one seems to be gone was left by longjmp(3): it is
		// the outer one that has returned.
		valid := first == 0 || isa.ProbeAlive(x.Frame, st.returns[first-1].stack, false)
		isa.SetIP(x.Frame, st.returns[n-1].to)
		done := st.returns[first:n]
		st.returns = st.returns[:first]
		if valid {
			for i := len(done) - 1; i >= 0; i-- {
				t.tellReturn(&done[i], x)
			}
			return Done
		}
		if first == 0 {
			return Illegal
		}
	}
}

func (t *Table) tellReturn(w *waiting, x *Target) {
	i, ok := t.find(w.inode, w.offset)
	if !ok {
		return
	}
	t.hit = Hit{Target: x, Function: w.function}
	p := t.probes[i]
	for i := range p.consumers {
		if c := &p.consumers[i]; c.atReturn && c.Wants(x.Space) {
			c.Hit(&t.hit)
		}
	}
}

// Stepped is the trap behind the copy of an instruction.
func (t *Table) Stepped(x *Target) Outcome {
	st := x.State
	own := st.ownStep
	ok := st.code.EndProbeStep(x.Frame, st.at, x.Space.SlotAddress(st.slot), st.saved, own, load(x.Space), store(x.Space))
	t.Release(x)
	switch {
	case !ok:
		return Broken
	case own:
		return DoneStep
	}
	return Done
}

// Faulted makes it so that an instruction whose copy faulted was not begun.
func (t *Table) Faulted(x *Target) {
	st := x.State
	st.code.UndoProbeStep(x.Frame, st.at, st.saved, st.ownStep)
	t.Release(x)
}

// Called is a thread whose stepped instruction was a system call.
func (t *Table) Called(x *Target) {
	st := x.State
	isa.EndProbeCall(x.Frame, st.at, x.Space.SlotAddress(st.slot), st.ownStep)
	t.Release(x)
}

// Release ends a step: the thread ends, or the step is over.
func (t *Table) Release(x *Target) {
	if st := x.State; st.active {
		st.active, st.code, st.bytes = false, nil, nil
		if x.Space != nil && x.Space.Area != 0 {
			x.Space.GiveSlot(st.slot)
		}
	}
}

// Forked gives the first thread of a new process the functions that its copy of the stack returns from.
func (t *Table) Forked(child *State, childSpace *mm.Space, parent *State, parentSpace *mm.Space) {
	if len(parent.returns) == 0 {
		return
	}
	if childSpace != parentSpace && childSpace.MakeArea(parentSpace.Area) != 0 {
		return
	}
	child.returns = append([]waiting(nil), parent.returns...)
}

// Executed forgets what belonged to the program that a thread has left.
func (s *State) Executed() { *s = State{} }
