// Package tracefile turns the lines of a trace into text for people and into
// the JSON that Perfetto and Chrome's about:tracing show.
package tracefile

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"starling/ipc/trace"
)

// Line is one line of a trace.
type Line struct {
	Time   int64 // ns since boot
	Server string
	What   string // trace.Got and so on
	Peer   string
	Text   string
}

// Parse reads a line without its mark.
func Parse(s string) (l Line, err error) {
	fields := strings.SplitN(s, " ", 5)
	if len(fields) < 4 {
		return l, fmt.Errorf("trace: line of %d words: %q", len(fields), s)
	}
	if l.Time, err = strconv.ParseInt(fields[0], 10, 64); err != nil {
		return l, fmt.Errorf("trace: no time: %q", s)
	}
	l.Server, l.What, l.Peer = fields[1], fields[2], fields[3]
	if len(fields) == 5 {
		l.Text = fields[4]
	}
	return l, nil
}

// String is the line for people: time in seconds, from, to, what.
func (l Line) String() string {
	from, to := l.Server, l.Peer
	if l.What == trace.Got {
		from, to = to, from
	}
	return fmt.Sprintf("%12.9f %-10s -> %-10s %s: %s", float64(l.Time)/1e9, from, to, l.What, l.Text)
}

// Writer takes the lines of a running machine.
type Writer struct {
	Text io.Writer // nil: no text

	mu     sync.Mutex
	events []event
	tracks map[string]int // server -> track
	open   map[string]bool
}

// event is an entry of the trace event format
// (Trace Event Format, sections "Duration Events" and "Instant Events").
type event struct {
	Name  string            `json:"name"`
	Phase string            `json:"ph"`
	Time  float64           `json:"ts"` // microseconds
	PID   int               `json:"pid"`
	TID   int               `json:"tid"`
	Scope string            `json:"s,omitempty"`
	Args  map[string]string `json:"args,omitempty"`
}

// Add takes a line without its mark.
func (w *Writer) Add(s string) {
	l, err := Parse(s)
	if err != nil {
		return // a line that a crash has cut
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.Text != nil {
		fmt.Fprintln(w.Text, l)
	}
	if w.tracks == nil {
		w.tracks, w.open = map[string]int{}, map[string]bool{}
	}
	track, ok := w.tracks[l.Server]
	if !ok {
		track = len(w.tracks) + 1
		w.tracks[l.Server] = track
		w.events = append(w.events, event{Name: "thread_name", Phase: "M", PID: 1, TID: track, Args: map[string]string{"name": l.Server}})
	}
	e := event{Name: l.What + " " + l.Text, Time: float64(l.Time) / 1e3, PID: 1, TID: track, Args: map[string]string{"peer": l.Peer}}
	switch l.What {
	case trace.Got: // the server works on it until it waits again
		if w.open[l.Server] {
			w.events = append(w.events, event{Phase: "E", Time: e.Time, PID: 1, TID: track})
		}
		e.Name, e.Phase = l.Text, "B"
		w.open[l.Server] = true
	default:
		e.Phase, e.Scope = "i", "t"
	}
	w.events = append(w.events, e)
}

// JSON writes what was added so far in the trace event format.
func (w *Writer) JSON(to io.Writer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return json.NewEncoder(to).Encode(map[string]any{"displayTimeUnit": "ns", "traceEvents": w.events})
}
