// Package control is the control channel between root and the command on the
// host: one JSON object a line in each direction, over the machine's second
// serial line. Fields that do not apply are left out.
package control

import (
	"encoding/json"
	"fmt"
)

// MaxLine bounds a line in bytes. A longer one ends the conversation.
const MaxLine = 64 << 10

// ToHost is a line from root. Exactly one field is set, and ID when it answers a line
// that had one.
type ToHost struct {
	ID uint64 `json:"id,omitempty"`
	// Started: all servers run and the program is about to.
	Started *Started `json:"started,omitempty"`
	// Exit: the program ended; all of its output is on its way before this line.
	Exit *Exit `json:"exit,omitempty"`
	// Refused: the program could not be started.
	Refused *Refused `json:"refused,omitempty"`
	// Death: a server died.
	Death *Death `json:"death,omitempty"`
	// Failure: Starling itself cannot go on, for this reason. The machine stops.
	Failure string `json:"failure,omitempty"`
	// Log: something worth knowing that changes nothing.
	Log string `json:"log,omitempty"`
	// Stats: the counters that were asked for.
	Stats *Stats `json:"stats,omitempty"`
	// Servers and Wires of the running system, as asked for.
	Servers []Server `json:"servers,omitempty"`
	Wires   []Wire   `json:"wires,omitempty"`
	// Swap: how a swap ended.
	Swap *Swapped `json:"swap,omitempty"`
	// Lab: what a lab saw, at the end.
	Lab *Lab `json:"lab,omitempty"`
}

// Lab is what the lab in a wire saw since it was armed.
type Lab struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Messages uint64 `json:"messages"`
	Hash     uint64 `json:"hash"`   // over all of them
	Struck   uint64 `json:"struck"` // bit i: rule i of the plan
	// Counts of each message, in the order of fault.Of.
	Counts []uint64 `json:"counts"`
	// Violations are what must not be, in words.
	Violations []string `json:"violations,omitempty"`
}

// Server is one server as it is now.
type Server struct {
	Name       string `json:"name"`
	Build      string `json:"build"`
	Generation int    `json:"generation"` // of its instance, from 1
	Restarts   int    `json:"restarts"`   // after it died
	Priority   int    `json:"priority"`
	Threads    int    `json:"threads"`
	Heap       uint64 `json:"heap_bytes"`     // limit
	Resident   uint64 `json:"resident_bytes"` // what it has itself, without the windows that it looks through
	// Given is what its programs and files have.
	Given uint64 `json:"given_bytes"`
	// Builds that it can be swapped to; none: it cannot be swapped.
	Builds []string `json:"builds,omitempty"`
	// Counters of what it runs, lines of JSON. Silent: it was asked and did not come to the
	// end of a message in time.
	Text   string `json:"text,omitempty"`
	Silent bool   `json:"silent,omitempty"`
}

// Wire lets From call To.
type Wire struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Name  string `json:"name"`
	Badge uint64 `json:"badge"`
}

// Swapped is the report of a swap.
type Swapped struct {
	Server     string `json:"server"`
	From       string `json:"from"` // builds
	To         string `json:"to"`
	Generation int    `json:"generation"` // of the instance that goes on
	// Error is why the old instance goes on; empty: the new one does. Step is how far
	// it came: start, hand-over, take-over, compare, commit.
	Error string `json:"error,omitempty"`
	Step  string `json:"step,omitempty"`
	// Pause is how long no event was delivered, Warm how long the new instance took
	// before; ns of the machine, which are instructions when those are counted.
	// HandOver and TakeOver are its parts: until the old instance had exported, and
	// until the new one had imported and exported.
	Pause int64 `json:"pause_ns"`
	// PauseInstructions is the same in instructions, from a machine that counts them.
	PauseInstructions int64  `json:"pause_instructions,omitempty"`
	HandOver          int64  `json:"hand_over_ns"`
	TakeOver          int64  `json:"take_over_ns"`
	Warm              int64  `json:"warm_ns"`
	Bytes             uint64 `json:"bytes"`
	Records           uint64 `json:"records"`
	// Digests of the state: as handed over, and as the new instance exports it.
	DigestBefore string `json:"digest_before,omitempty"`
	DigestAfter  string `json:"digest_after,omitempty"`
}

// Started says what runs.
type Started struct {
	Servers []string `json:"servers"`
	Now     int64    `json:"now"` // ns since boot
}

// Exit is how the program ended: by Signal when that is not 0, else with Code.
type Exit struct {
	Code   uint32 `json:"code"`
	Signal uint32 `json:"signal,omitempty"`
	Text   string `json:"text,omitempty"` // what was asked for about the run
}

// Refused is why the program did not start.
type Refused struct {
	Errno uint32 `json:"errno"`
	Text  string `json:"text"`
}

// Death is what is known of a server that died.
type Death struct {
	Server     string `json:"server"`
	Build      string `json:"build"`
	Generation int    `json:"generation"`
	Why        string `json:"why"`
	Registers  string `json:"registers,omitempty"`
	Message    string `json:"message,omitempty"` // first bytes of its message buffer, in hexadecimal
	Action     string `json:"action"`            // what root does about it
	Lost       string `json:"lost,omitempty"`    // what is gone with it, when it is started again
}

// Stats are counters of the kernel since boot.
type Stats struct {
	Now           int64  `json:"now"` // ns since boot
	SpaceSwitches uint64 `json:"space_switches"`
	Traps         uint64 `json:"traps"`
	Interrupts    uint64 `json:"interrupts"`
	KernelFree    uint64 `json:"kernel_free_pages"`
	Idle          uint64 `json:"idle_ns"`
	MemoryFree    uint64 `json:"memory_free_bytes"` // for programs and files
}

// FromHost is a line to root.
type FromHost struct {
	// Window: the terminal has this size now.
	Window *Window `json:"window,omitempty"`
	// EOF: standard input ends after Bytes bytes.
	EOF   bool   `json:"eof,omitempty"`
	Bytes uint64 `json:"bytes,omitempty"`
	// Stats, Servers and Wires ask for what is called so above.
	Stats   bool `json:"stats,omitempty"`
	Servers bool `json:"servers,omitempty"`
	Wires   bool `json:"wires,omitempty"`
	// Swap puts a new instance into a server's place.
	Swap *Swap `json:"swap,omitempty"`
	// ID comes back with the answer.
	ID uint64 `json:"id,omitempty"`
}

// Swap says what is to be swapped, and how long a step may take.
type Swap struct {
	Server string `json:"server"`
	With   string `json:"with,omitempty"`     // build; empty: the present one again
	Limit  int64  `json:"limit_ns,omitempty"` // 0: 30 s
}

// Window is the size of a terminal in characters.
type Window struct {
	Rows    uint16 `json:"rows"`
	Columns uint16 `json:"columns"`
}

// Encode makes a line, with its newline.
func Encode(v any) []byte {
	line, err := json.Marshal(v)
	if err != nil {
		// Only types of this package come here; none of them can fail.
		panic("control: " + err.Error())
	}
	return append(line, '\n')
}

// Lines cuts a stream of bytes into lines.
type Lines struct {
	rest []byte
}

// Add appends bytes of the stream and hands every whole line to each. It fails
// when a line is longer than MaxLine; the bytes so far are dropped then.
func (l *Lines) Add(p []byte, each func(line []byte)) error {
	for _, b := range p {
		if b != '\n' {
			if len(l.rest) >= MaxLine {
				l.rest = l.rest[:0]
				return fmt.Errorf("control: a line is longer than %d bytes", MaxLine)
			}
			l.rest = append(l.rest, b)
			continue
		}
		if len(l.rest) > 0 {
			each(l.rest)
		}
		l.rest = l.rest[:0]
	}
	return nil
}

// Rest is what came after the last newline.
func (l *Lines) Rest() []byte { return l.rest }

// String is the death in words.
func (d *Death) String() string {
	text := fmt.Sprintf("server %s died: %s; last message %s; registers %s; %s", d.Server, d.Why, d.Message, d.Registers, d.Action)
	if d.Lost != "" {
		text += "; lost: " + d.Lost
	}
	return text
}

// String is the report in one line.
func (s *Swapped) String() string {
	if s.Error != "" {
		return fmt.Sprintf("swap of %s from %s to %s failed at step %s: %s; generation %d goes on", s.Server, s.From, s.To, s.Step, s.Error, s.Generation)
	}
	instructions := ""
	if s.PauseInstructions != 0 {
		instructions = fmt.Sprintf(" (%d instructions)", s.PauseInstructions)
	}
	return fmt.Sprintf("%s swapped from %s to %s: generation %d, pause %.3f ms%s, %d bytes in %d records, digest %s",
		s.Server, s.From, s.To, s.Generation, float64(s.Pause)/1e6, instructions, s.Bytes, s.Records, s.DigestAfter)
}
