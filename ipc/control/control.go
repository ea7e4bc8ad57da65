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

// ToHost is a line from root. Exactly one field is set.
type ToHost struct {
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
	Server    string `json:"server"`
	Why       string `json:"why"`
	Registers string `json:"registers,omitempty"`
	Message   string `json:"message,omitempty"` // first bytes of its message buffer, in hexadecimal
	Action    string `json:"action"`            // what root does about it
}

// Stats are counters of the kernel since boot.
type Stats struct {
	Now           int64  `json:"now"` // ns since boot
	SpaceSwitches uint64 `json:"space_switches"`
	Traps         uint64 `json:"traps"`
	Interrupts    uint64 `json:"interrupts"`
	KernelFree    uint64 `json:"kernel_free_pages"`
	Idle          uint64 `json:"idle_ns"`
}

// FromHost is a line to root.
type FromHost struct {
	// Window: the terminal has this size now.
	Window *Window `json:"window,omitempty"`
	// EOF: standard input ends after Bytes bytes.
	EOF   bool   `json:"eof,omitempty"`
	Bytes uint64 `json:"bytes,omitempty"`
	// Stats asks for the counters.
	Stats bool `json:"stats,omitempty"`
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
