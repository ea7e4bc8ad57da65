// Package live is a running system as other commands see it: who starts a system keeps
// a Hub, which numbers requests on the control channel and hands each answer to
// whoever asked, and serves it on a socket (Listen); other commands of the same
// user find the socket and ask there (Dial).
package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"starling/ipc/control"
)

// logLines is how many notable lines a hub keeps.
const logLines = 1000

// Hub shares one control channel among many who ask.
type Hub struct {
	// Commands goes to the machine.
	Commands chan control.FromHost
	// Gone is closed when the machine is.
	Gone <-chan struct{}
	// Counting: the machine counts instructions, one a nanosecond.
	Counting bool

	mu      sync.Mutex
	last    uint64 // id
	waiting map[uint64]chan control.ToHost
	log     []string
	started chan struct{}
	once    sync.Once
}

// NewHub makes the hub of a machine.
func NewHub(gone <-chan struct{}) *Hub {
	return &Hub{Commands: make(chan control.FromHost), Gone: gone, waiting: map[uint64]chan control.ToHost{}, started: make(chan struct{})}
}

// ErrGone says that the machine has stopped.
var ErrGone = errors.New("the system has stopped")

// Line is told every line of the control channel.
func (h *Hub) Line(line []byte) {
	var m control.ToHost
	if json.Unmarshal(line, &m) != nil {
		return
	}
	if m.Swap != nil && h.Counting {
		m.Swap.PauseInstructions = m.Swap.Pause
	}
	if m.Started != nil {
		h.once.Do(func() { close(h.started) })
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if text := Notable(&m); text != "" {
		if len(h.log) == logLines {
			h.log = append(h.log[:0], h.log[1:]...)
		}
		h.log = append(h.log, text)
	}
	if c := h.waiting[m.ID]; m.ID != 0 && c != nil {
		delete(h.waiting, m.ID)
		c <- m
	}
}

// Ask sends a request and waits for its answer.
func (h *Hub) Ask(c control.FromHost) (control.ToHost, error) {
	answer := make(chan control.ToHost, 1)
	h.mu.Lock()
	h.last++
	c.ID = h.last
	h.waiting[c.ID] = answer
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.waiting, c.ID)
		h.mu.Unlock()
	}()
	select {
	case h.Commands <- c:
	case <-h.Gone:
		return control.ToHost{}, ErrGone
	}
	select {
	case m := <-answer:
		return m, nil
	case <-h.Gone:
		return control.ToHost{}, ErrGone
	}
}

// Started is closed when all servers run.
func (h *Hub) Started() <-chan struct{} { return h.started }

// Log is what was worth knowing so far.
func (h *Hub) Log() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.log...)
}

// Notable is a line of the control channel in words, empty when it is only an answer.
func Notable(m *control.ToHost) string {
	switch {
	case m.Started != nil:
		return fmt.Sprintf("started: %v", m.Started.Servers)
	case m.Death != nil:
		return m.Death.String()
	case m.Swap != nil:
		return m.Swap.String()
	case m.Failure != "":
		return "failure: " + m.Failure
	}
	return m.Log
}
