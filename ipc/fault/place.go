package fault

import (
	"encoding/binary"
	"slices"

	"starling/ipc/console"
	"starling/ipc/pagerwire"
	"starling/ipc/supervise"
)

// Class says how a message travels, and so what can happen to it.
type Class uint8

const (
	Trap    Class = iota // an event of a program, to its personality or the pager
	Reply                // the answer to a trap
	Request              // a call
	Answer               // what comes back
	Notify               // bits to an endpoint
	Timer                // a deadline that has passed
)

// Place is one kind of message on one wire: a row of the matrix.
type Place struct {
	Wire, Message string
	Class         Class
	// Kinds that can happen there, in order.
	Kinds []Kind
	// Sim: can be struck in the simulation only. The kernel's own events go straight to who asked for them, nobody types
	// in a machine that does the same again, whose lines take output at once, so that nobody waits for room, and what a personality asks first it asks before labs are armed.
	Sim bool

	number int
}

// String is wire and message.
func (p *Place) String() string { return p.Wire + " " + p.Message }

var (
	trapKinds    = []Kind{Drop, Delay, Duplicate, Reorder, Flip, Field, StaleGeneration, StaleSequence, CrashBefore, CrashAfter, HangBefore, HangAfter, Swap}
	faultKinds   = []Kind{Drop, Delay, Duplicate, Reorder, Flip, Field, StaleGeneration, StaleSequence, CrashBefore, CrashAfter, HangBefore, HangAfter}
	replyKinds   = []Kind{Drop, Delay, Flip, Field, StaleGeneration, StaleSequence, DoubleReply, HostileRegisters}
	callKinds    = []Kind{Drop, Delay, Duplicate, Reorder, Flip, Field, Truncate, StaleGeneration, StaleSequence}
	crashKinds   = append(slices.Clone(callKinds), CrashBefore, CrashAfter, HangBefore, HangAfter)
	answerKinds  = []Kind{Drop, Delay, Reorder, Flip, Field, Truncate, StaleGeneration, StaleSequence, DoubleReply}
	notifyKinds  = []Kind{Drop, Delay, Duplicate, Flip}
	timerKinds   = []Kind{Delay, Duplicate}
	pagerOps     = []string{"info", "space-create", "space-fork", "space-destroy", "map", "unmap", "protect", "move", "discard", "populate", "resolve", "object-create", "object-adopt", "object-resize", "object-ref", "object-destroy", "object-populate", "object-discard", "space-adopt", "window-map", "kernel-grant", "release"}
	consoleOps   = []string{"status", "write", "read", "input-end", "window"}
	superviseOps = []string{"state", "stats"}
)

// Places is every row of the matrix.
var Places = func() []*Place {
	all := []*Place{
		{Wire: "program>linux", Message: "syscall", Class: Trap, Kinds: trapKinds},
		{Wire: "program>linux", Message: "fault", Class: Trap, Kinds: trapKinds},
		{Wire: "program>linux", Message: "exception", Class: Trap, Kinds: trapKinds},
		{Wire: "program>linux", Message: "report", Class: Trap, Kinds: trapKinds},
		{Wire: "program>pager", Message: "fault", Class: Trap, Kinds: faultKinds},
		{Wire: "linux>program", Message: "reply", Class: Reply, Kinds: replyKinds},
		{Wire: "pager>program", Message: "reply", Class: Reply, Kinds: replyKinds},
		{Wire: "pager>program", Message: "forward", Class: Reply, Kinds: replyKinds},
	}
	call := func(wire string, ops []string, names map[string]bool, kinds []Kind) {
		for _, op := range ops {
			if names[op] {
				sim := op == "read" || op == "info"
				all = append(all,
					&Place{Wire: wire, Message: op, Class: Request, Kinds: kinds, Sim: sim},
					&Place{Wire: wire, Message: op + "-answer", Class: Answer, Kinds: answerKinds, Sim: sim})
			}
		}
	}
	set := func(names ...string) map[string]bool {
		m := map[string]bool{}
		for _, n := range names {
			m[n] = true
		}
		return m
	}
	linuxOps := set("info", "space-create", "space-fork", "space-destroy", "map", "unmap", "protect", "discard", "populate", "resolve",
		"object-create", "object-adopt", "object-resize", "object-destroy", "object-populate", "object-discard")
	call("linux>pager", pagerOps, linuxOps, crashKinds)
	call("linux>console", consoleOps, set("status", "write", "read"), crashKinds)
	call("root>linux", superviseOps, set("state"), callKinds)
	all = append(all,
		&Place{Wire: "console>linux", Message: "notify", Class: Notify, Kinds: notifyKinds, Sim: true},
		&Place{Wire: "linux>root", Message: "notify", Class: Notify, Kinds: notifyKinds},
		&Place{Wire: "kernel>linux", Message: "timer", Class: Timer, Kinds: timerKinds, Sim: true},
	)
	for i, p := range all {
		p.number = i
	}
	return all
}()

// index finds places by name.
var index = func() map[[2]string]*Place {
	m := map[[2]string]*Place{}
	for _, p := range Places {
		m[[2]string{p.Wire, p.Message}] = p
	}
	return m
}()

// Programs stands for all programs in the names of wires.
const Programs = "program"

// Of is every place of what goes from one to another, and of the replies when these are traps.
func Of(from, to string) (list []*Place) {
	for _, p := range Places {
		if p.Wire == from+">"+to || from == Programs && p.Wire == to+">"+from {
			list = append(list, p)
		}
	}
	return list
}

// Find is the place of a message on a wire, nil when nothing is injected there.
func Find(wire, message string) *Place { return index[[2]string{wire, message}] }

// Wires is every wire once.
func Wires() []string {
	var names []string
	for _, p := range Places {
		if !slices.Contains(names, p.Wire) {
			names = append(names, p.Wire)
		}
	}
	return names
}

// Messages is every message of a wire.
func Messages(wire string) []string {
	var names []string
	for _, p := range Places {
		if p.Wire == wire {
			names = append(names, p.Message)
		}
	}
	return names
}

// Operation names what a call asks for, by the server that gets it; body is the message without its
// envelope. Empty: a message that opens a session, or none that is known.
func Operation(server string, body []byte) string {
	name := func(list []string, n uint64) string {
		if n >= 1 && n <= uint64(len(list)) {
			return list[n-1]
		}
		return ""
	}
	le := binary.LittleEndian
	switch {
	case server == "pager" && len(body) >= pagerwire.HeaderSize+pagerwire.OpSize:
		return name(pagerOps, uint64(le.Uint32(body[pagerwire.HeaderSize:])))
	case server == "console" && len(body) >= console.RequestSize:
		return name(consoleOps, uint64(le.Uint16(body)))
	case server != "pager" && server != "console" && len(body) >= supervise.RequestSize:
		return name(superviseOps, uint64(le.Uint32(body)))
	}
	return ""
}
