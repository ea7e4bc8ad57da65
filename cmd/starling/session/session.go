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
	"starling/ipc/trace"
)

// Exit statuses that are not the program's.
const (
	StatusTimeout     = 124 // as timeout(1)
	StatusFailure     = 125 // Starling itself failed
	StatusNotRunnable = 126 // as a shell: found, but not executable
	StatusNotFound    = 127 // as a shell
	StatusSignal      = 128 // and the number of the signal
	errnoNoEntry      = 2   // ENOENT
	errnoNoDirectory  = 20  // ENOTDIR
	shutdownPatience  = 10 * time.Second
	saidMaxBytes      = 64 << 10
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
	Emergency                 net.Conn // what the kernel and dying servers say

	Input          io.Reader // nil: nothing, ended
	Output, Stderr io.Writer
	// IsTerminal: the streams are one terminal in raw mode, so input has no end.
	IsTerminal bool
	Resized    <-chan os.Signal // window size changes, may be nil
	Size       func() (rows, columns uint16)
	Timeout    time.Duration           // 0: none
	Interrupt  <-chan os.Signal        // ends the run
	Verbose    bool                    // shows the log lines
	Silent     bool                    // sends the machine nothing, not even the end of an input: runs repeat
	Trace      func(line string)       // sees every line of a trace, without its mark; may be nil
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
	once    sync.Once     // of closing started
	ended   chan struct{} // closed when the outcome is known
	said    []string      // on the emergency console

	saidBytes int
}

// Run runs the session to its end and returns the exit status. What it has to
// say to the user it returns too, one line each.
func (s *Session) Run() (status int, messages []string) {
	st := &state{Session: s, started: make(chan struct{}), ended: make(chan struct{})}
	var readers sync.WaitGroup
	readers.Go(func() { copyAll(s.Output, s.Terminal) })
	readers.Go(func() { copyAll(s.Stderr, s.Errors) })
	readers.Go(st.control)
	readers.Go(st.emergency)
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
	status, messages = st.outcome.status, st.outcome.text
	if !st.outcome.known {
		status, messages = StatusFailure, append(messages, st.reason())
	}
	if status == StatusFailure || s.Verbose {
		for _, line := range st.said {
			messages = append(messages, "kernel console: "+line)
		}
	}
	return status, messages
}

// rootMark begins what root says on the emergency console, when it has no other way.
const rootMark = "root: "

// reason is why the machine ended without saying so on the control channel.
func (st *state) reason() string {
	for _, line := range st.said {
		if why, ok := strings.CutPrefix(line, rootMark); ok {
			return why
		}
	}
	return st.Machine.Reason()
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
			st.note(fmt.Sprintf("timed out after %v", st.Timeout))
			return StatusTimeout, st.notes(), true
		case sig := <-st.Interrupt:
			st.Machine.Kill()
			return StatusSignal + signalNumber(sig), nil, true
		}
	}
}

// copyAll copies a line of the machine to a stream. When whoever reads the
// stream went away the machine runs on.
func copyAll(to io.Writer, from io.Reader) {
	// Not by splice(2), which would keep the single bytes that QEMU writes apart.
	if _, err := io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from}); err != nil {
		_, _ = io.Copy(io.Discard, from)
	}
}

// emergency keeps what is said in an emergency, for when the run fails, and
// hands the lines of a trace on.
func (st *state) emergency() {
	var lines control.Lines
	buf := make([]byte, 4096)
	for {
		n, err := st.Emergency.Read(buf)
		_ = lines.Add(buf[:n], st.emergencyLine) // a line without end is dropped
		if err != nil {
			st.emergencyLine(lines.Rest())
			return
		}
	}
}

func (st *state) emergencyLine(line []byte) {
	if traced, ok := strings.CutPrefix(string(line), trace.Mark); ok {
		if st.Trace != nil {
			st.Trace(traced)
		}
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if text := strings.TrimSpace(string(line)); text != "" && st.saidBytes < saidMaxBytes {
		st.saidBytes += len(text)
		st.said = append(st.said, text)
	}
}

// control reads the lines of root.
func (st *state) control() {
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
		st.end(status, aboutTheRun(m.Exit.Text)...)
	case m.Refused != nil:
		status := StatusNotRunnable
		if m.Refused.Errno == errnoNoEntry || m.Refused.Errno == errnoNoDirectory {
			status = StatusNotFound
		}
		st.end(status, m.Refused.Text)
	case m.Failure != "":
		st.end(StatusFailure, m.Failure)
	case m.Death != nil:
		st.note(m.Death.String())
	case m.Log != "":
		if st.Verbose {
			st.note(m.Log)
		}
	}
}

// aboutTheRun puts the personality's counters into words: the system calls that
// programs made and that do not exist.
func aboutTheRun(text string) (messages []string) {
	for line := range strings.Lines(text) {
		var counter struct {
			Missing      string `json:"missing"`
			Count        int    `json:"count"`
			MemoryKilled string `json:"memoryKilled"`
			PID          int    `json:"pid"`
			Resident     uint64 `json:"resident"` // pages
			Free         uint64 `json:"free"`
			Spare        uint64 `json:"spare"`
		}
		if json.Unmarshal([]byte(line), &counter) != nil {
			continue
		}
		if counter.MemoryKilled != "" {
			messages = append(messages, fmt.Sprintf("memory had run out, so process %d (%s) was killed: it had %d pages, %d frames and %d undecided pages were left; --mem gives more",
				counter.PID, counter.MemoryKilled, counter.Resident, counter.Free, counter.Spare))
		}
		if counter.Missing != "" {
			messages = append(messages, fmt.Sprintf("missing system call %s, made %d times", counter.Missing, counter.Count))
		}
	}
	return messages
}

// note keeps something for the user until the terminal is back to normal.
func (st *state) note(text string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.outcome.text = append(st.outcome.text, text)
}

// notes is what was noted so far.
func (st *state) notes() []string {
	st.mu.Lock()
	defer st.mu.Unlock()
	text := st.outcome.text
	if st.Verbose {
		for _, line := range st.said {
			text = append(text, "kernel console: "+line)
		}
	}
	return text
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
	if st.Silent || !st.listens() {
		return
	}
	var total uint64
	if st.Input != nil {
		n, _ := io.Copy(st.Terminal, st.Input)
		total = uint64(n)
	}
	if !st.IsTerminal {
		st.send(control.FromHost{EOF: true, Bytes: total})
	}
}

// listens waits until the servers run: the serial lines lose what comes before
// the console has set them up.
func (st *state) listens() bool {
	select {
	case <-st.started:
		return true
	case <-st.Machine.Done():
		return false
	}
}

// commands passes window sizes and commands on.
func (st *state) commands() {
	if !st.listens() {
		return
	}
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
