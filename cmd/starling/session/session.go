// Package session joins a running machine to the standard streams of the
// command: it moves bytes both ways, speaks the control channel, and finds out
// how the run ended.
package session

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"starling/ipc/control"
)

// Exit statuses that are not the program's.
const (
	StatusTimeout      = 124 // as timeout(1)
	StatusFailure      = 125 // Starling itself failed
	StatusNotRunnable  = 126 // as a shell: found, but not executable
	StatusNotFound     = 127 // as a shell
	StatusSignal       = 128 // and the number of the signal
	errnoNoEntry       = 2   // ENOENT
	errnoNoDirectory   = 20  // ENOTDIR
	shutdownPatience   = 10 * time.Second
	heldOutputMaxBytes = 256 << 10
)

// Machine is what a session needs of a running machine.
type Machine interface {
	Done() <-chan struct{}
	Kill()
	Reason() string
}

// Session describes one run.
type Session struct {
	Machine                   Machine
	Terminal, Control, Errors net.Conn

	Input          io.Reader // nil: nothing, ended
	Output, Stderr io.Writer
	// IsTerminal: the streams are one terminal in raw mode, so input has no end.
	IsTerminal bool
	Resized    <-chan os.Signal // window size changes, may be nil
	Size       func() (rows, columns uint16)
	Timeout    time.Duration           // 0: none
	Interrupt  <-chan os.Signal        // ends the run
	Verbose    bool                    // shows the log lines
	OnLine     func(line []byte)       // sees every control line, may be nil
	Commands   <-chan control.FromHost // sent to the machine, may be nil
}

// outcome is what the control channel said.
type outcome struct {
	known  bool
	status int
	text   []string // for the user
}

type state struct {
	*Session
	mu      sync.Mutex // of outcome and of writing to the control channel
	outcome outcome
	started chan struct{} // closed when the servers run
	silent  chan struct{} // closed when nothing more comes over the control channel
	ended   chan struct{} // closed when the outcome is known
	once    sync.Once     // of closing started
	held    []byte        // what the terminal line carried without started
}

// Run runs the session to its end and returns the exit status. What it has to
// say to the user it returns too, one line each.
func (s *Session) Run() (status int, messages []string) {
	st := &state{Session: s, started: make(chan struct{}), silent: make(chan struct{}), ended: make(chan struct{})}
	var readers sync.WaitGroup
	readers.Go(func() { st.output(s.Terminal, s.Output, true) })
	readers.Go(func() { st.output(s.Errors, s.Stderr, false) })
	readers.Go(st.control)
	go st.input()
	go st.commands()
	status, messages, known := st.wait()
	if known {
		return status, messages
	}
	// The machine is gone: the rest of its output, then its last words.
	drained := make(chan struct{})
	go func() {
		readers.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(shutdownPatience): // nobody reads our output
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.outcome.known {
		return st.outcome.status, st.outcome.text
	}
	messages = append(st.outcome.text, s.Machine.Reason())
	if text := strings.TrimSpace(string(st.held)); text != "" {
		messages = append(messages, "it last said: "+text)
	}
	return StatusFailure, messages
}

// wait returns when the machine is gone, or with a known status when it was
// ended from here.
func (st *state) wait() (status int, messages []string, known bool) {
	var timeout <-chan time.Time
	if st.Timeout > 0 {
		t := time.NewTimer(st.Timeout)
		defer t.Stop()
		timeout = t.C
	}
	ended := st.ended
	var patience <-chan time.Time
	for {
		select {
		case <-st.Machine.Done():
			return 0, nil, false
		case <-ended:
			// It says why it stops just before it does.
			ended = nil
			patience = time.After(shutdownPatience)
		case <-patience:
			st.Machine.Kill()
			return 0, nil, false
		case <-timeout:
			st.Machine.Kill()
			return StatusTimeout, []string{fmt.Sprintf("timed out after %v", st.Timeout)}, true
		case sig := <-st.Interrupt:
			st.Machine.Kill()
			return StatusSignal + signalNumber(sig), nil, true
		}
	}
}

// output copies a line of the machine to a stream. Until the servers run, the
// terminal line carries only what the kernel says in an emergency, which is no
// output of the program: of a machine that never gets so far it is kept.
func (st *state) output(from net.Conn, to io.Writer, waits bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && waits {
			waits = !st.hasStarted()
		}
		switch {
		case n > 0 && waits:
			st.hold(buf[:n])
		case n > 0:
			if _, werr := to.Write(buf[:n]); werr != nil {
				to = io.Discard // whoever read our output went away
			}
		}
		if err != nil {
			return
		}
	}
}

// hasStarted waits until the servers run, or the machine has said its last.
func (st *state) hasStarted() bool {
	select {
	case <-st.started:
		return true
	case <-st.silent:
	}
	select {
	case <-st.started:
		return true
	default:
		return false
	}
}

func (st *state) hold(p []byte) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.held)+len(p) <= heldOutputMaxBytes {
		st.held = append(st.held, p...)
	}
}

// control reads the lines of root.
func (st *state) control() {
	defer close(st.silent)
	var lines control.Lines
	buf := make([]byte, 16<<10)
	for {
		n, err := st.Control.Read(buf)
		if lerr := lines.Add(buf[:n], st.line); lerr != nil {
			st.note(lerr.Error())
		}
		if err != nil {
			return
		}
	}
}

func (st *state) line(line []byte) {
	if st.OnLine != nil {
		st.OnLine(line)
	}
	var m control.ToHost
	if err := json.Unmarshal(line, &m); err != nil {
		st.note("control channel: " + string(line))
		return
	}
	switch {
	case m.Started != nil:
		st.once.Do(func() { close(st.started) })
	case m.Exit != nil:
		status := int(m.Exit.Code)
		if m.Exit.Signal != 0 {
			status = StatusSignal + int(m.Exit.Signal)
		}
		st.end(status, strings.FieldsFunc(m.Exit.Text, func(r rune) bool { return r == '\n' })...)
	case m.Refused != nil:
		status := StatusNotRunnable
		if m.Refused.Errno == errnoNoEntry || m.Refused.Errno == errnoNoDirectory {
			status = StatusNotFound
		}
		st.end(status, m.Refused.Text)
	case m.Failure != "":
		st.end(StatusFailure, m.Failure)
	case m.Death != nil:
		d := m.Death
		st.note(fmt.Sprintf("server %s died: %s; last message %s; registers %s; %s", d.Server, d.Why, d.Message, d.Registers, d.Action))
	case m.Log != "":
		if st.Verbose {
			st.note(m.Log)
		}
	}
}

// note keeps something for the user until the terminal is back to normal.
func (st *state) note(text string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.outcome.text = append(st.outcome.text, text)
}

func (st *state) end(status int, text ...string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.outcome.known {
		return
	}
	st.outcome.known, st.outcome.status = true, status
	for _, t := range text {
		if t != "" {
			st.outcome.text = append(st.outcome.text, t)
		}
	}
	close(st.ended)
}

// send writes a line to root.
func (st *state) send(v control.FromHost) {
	st.mu.Lock()
	defer st.mu.Unlock()
	_, _ = st.Control.Write(control.Encode(v)) // a machine that is gone shows otherwise
}

// input copies standard input. The machine reads as fast as the program does:
// when it does not, writing waits, and whoever feeds us waits too.
func (st *state) input() {
	var total uint64
	if st.Input != nil {
		n, _ := io.Copy(st.Terminal, st.Input)
		total = uint64(n)
	}
	if !st.IsTerminal {
		st.send(control.FromHost{EOF: true, Bytes: total})
	}
}

// commands passes window sizes and commands on.
func (st *state) commands() {
	for {
		select {
		case <-st.Machine.Done():
			return
		case <-st.Resized:
			if st.Size != nil {
				rows, columns := st.Size()
				st.send(control.FromHost{Window: &control.Window{Rows: rows, Columns: columns}})
			}
		case c := <-st.Commands:
			st.send(c)
		}
	}
}
