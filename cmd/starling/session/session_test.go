package session

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"starling/ipc/control"
)

// machine is the far end of a session, played by the test.
type machine struct {
	t                         *testing.T
	terminal, control, errors net.Conn
	emergency                 net.Conn
	done                      chan struct{}
	killed                    bool
}

func (m *machine) Done() <-chan struct{} { return m.done }
func (m *machine) Reason() string        { return "the reason" }
func (m *machine) Kill() {
	m.killed = true
	m.stop()
}

func (m *machine) stop() {
	m.terminal.Close()
	m.control.Close()
	m.errors.Close()
	m.emergency.Close()
	close(m.done)
}

func (m *machine) say(v control.ToHost) {
	if _, err := m.control.Write(control.Encode(v)); err != nil {
		m.t.Error(err)
	}
}

func (m *machine) print(to net.Conn, s string) {
	if _, err := to.Write([]byte(s)); err != nil {
		m.t.Error(err)
	}
}

// play runs a session against a script.
func play(t *testing.T, s *Session, script func(m *machine)) (status int, messages []string, stdout, stderr string) {
	t.Helper()
	m := &machine{t: t, done: make(chan struct{})}
	s.Terminal, m.terminal = net.Pipe()
	s.Control, m.control = net.Pipe()
	s.Errors, m.errors = net.Pipe()
	s.Emergency, m.emergency = net.Pipe()
	s.Machine = m
	var out, errs bytes.Buffer
	s.Output, s.Stderr = &out, &errs
	go script(m)
	status, messages = s.Run()
	return status, messages, out.String(), errs.String()
}

func (m *machine) start() {
	go func() { _, _ = io.Copy(io.Discard, m.terminal) }()
	m.say(control.ToHost{Started: &control.Started{}})
}

func TestStreamsAndStatus(t *testing.T) {
	status, messages, out, errs := play(t, &Session{IsTerminal: true}, func(m *machine) {
		m.start()
		m.print(m.terminal, "hello\n")
		m.print(m.errors, "oops\n")
		m.say(control.ToHost{Exit: &control.Exit{Code: 7}})
		m.stop()
	})
	if status != 7 || len(messages) != 0 || out != "hello\n" || errs != "oops\n" {
		t.Errorf("status %d, %q, output %q, errors %q", status, messages, out, errs)
	}
}

func TestEndings(t *testing.T) {
	for name, c := range map[string]struct {
		line   control.ToHost
		status int
		says   string
	}{
		"missing calls":  {control.ToHost{Exit: &control.Exit{Text: "{\"missing\":\"ptrace\",\"count\":3}\n{\"calls\":9}\n"}}, 0, "missing system call ptrace, made 3 times"},
		"signal":         {control.ToHost{Exit: &control.Exit{Signal: 11}}, 139, ""},
		"not found":      {control.ToHost{Refused: &control.Refused{Errno: 2, Text: "/x: not found"}}, 127, "/x: not found"},
		"not executable": {control.ToHost{Refused: &control.Refused{Errno: 13, Text: "/x: no"}}, 126, "/x: no"},
		"failure":        {control.ToHost{Failure: "server linux died"}, 125, "server linux died"},
	} {
		status, messages, _, _ := play(t, &Session{IsTerminal: true}, func(m *machine) {
			m.start()
			m.say(c.line)
			m.stop()
		})
		if status != c.status || strings.Join(messages, "; ") != c.says {
			t.Errorf("%s: status %d, %q", name, status, messages)
		}
	}
}

func TestSilentEndIsAFailureWithItsLastWords(t *testing.T) {
	status, messages, out, _ := play(t, &Session{IsTerminal: true}, func(m *machine) {
		m.print(m.emergency, "invariant broken\n")
		m.stop()
	})
	said := strings.Join(messages, "; ")
	if status != StatusFailure || out != "" || said != "the reason; kernel console: invariant broken" {
		t.Errorf("status %d, %q, output %q", status, said, out)
	}
}

func TestRootsReasonComesFirst(t *testing.T) {
	_, messages, _, _ := play(t, &Session{IsTerminal: true}, func(m *machine) {
		m.print(m.emergency, "fatal error\nroot: server pager: died\n")
		m.stop()
	})
	if len(messages) != 3 || messages[0] != "server pager: died" {
		t.Errorf("%q", messages)
	}
}

func TestInputAndItsEnd(t *testing.T) {
	lines := make(chan string, 10)
	input := strings.Repeat("0123456789", 10_000)
	status, _, out, _ := play(t, &Session{Input: strings.NewReader(input)}, func(m *machine) {
		m.say(control.ToHost{Started: &control.Started{}})
		got := make([]byte, len(input))
		if _, err := io.ReadFull(m.terminal, got); err != nil || string(got) != input {
			t.Errorf("%v, or other bytes arrived", err)
		}
		var l control.Lines
		buf := make([]byte, 100)
		n, _ := m.control.Read(buf)
		_ = l.Add(buf[:n], func(line []byte) { lines <- string(line) })
		m.say(control.ToHost{Exit: &control.Exit{}})
		m.stop()
	})
	if line := <-lines; status != 0 || out != "" || line != `{"eof":true,"bytes":100000}` {
		t.Errorf("status %d, output %q, told %s", status, out, line)
	}
}

func TestTimeout(t *testing.T) {
	status, messages, _, _ := play(t, &Session{IsTerminal: true, Timeout: 10 * time.Millisecond}, func(m *machine) { m.start() })
	if status != StatusTimeout || len(messages) != 1 || messages[0] != "timed out after 10ms" {
		t.Errorf("status %d, %q", status, messages)
	}
}

func TestInterrupt(t *testing.T) {
	interrupt := make(chan os.Signal, 1)
	interrupt <- syscall.SIGTERM
	status, _, _, _ := play(t, &Session{IsTerminal: true, Interrupt: interrupt}, func(m *machine) {})
	if status != 128+15 {
		t.Errorf("status %d", status)
	}
}

func TestDeathIsReported(t *testing.T) {
	_, messages, _, _ := play(t, &Session{IsTerminal: true}, func(m *machine) {
		m.start()
		m.say(control.ToHost{Death: &control.Death{Server: "linux", Why: "exception 6", Action: "shutdown"}})
		m.say(control.ToHost{Failure: "server linux died"})
		m.stop()
	})
	if len(messages) != 2 || !strings.HasPrefix(messages[0], "server linux died: exception 6;") {
		t.Errorf("%q", messages)
	}
}
