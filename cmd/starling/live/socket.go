package live

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"starling/ipc/control"
)

// The socket speaks lines of JSON as the control channel does: control.FromHost in,
// control.ToHost out, in the order of asking. {"log":true} is answered by the hub.

// request is what a client of the socket may send: a line of the control channel, or
// a question to the hub itself.
type request struct {
	control.FromHost
	Log bool `json:"log,omitempty"`
}

// answer is what it gets.
type answer struct {
	control.ToHost
	Lines []string `json:"lines,omitempty"`
	Error string   `json:"error,omitempty"`
}

const socketSuffix = ".sock"

// Directory is where the sockets of this user's systems are.
func Directory() string {
	if d := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(d) {
		return filepath.Join(d, "starling")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("starling-%d", os.Getuid()))
}

// openDirectory makes the directory; it must be this user's alone, or another could
// put a socket of his own there.
func openDirectory() (string, error) {
	dir := Directory()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if s, ok := st.Sys().(*syscall.Stat_t); !ok || !st.IsDir() || int(s.Uid) != os.Getuid() || st.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s: not a directory of this user's alone: remove it, or set XDG_RUNTIME_DIR", dir)
	}
	return dir, nil
}

// Listener is the socket of one system.
type Listener struct {
	net.Listener
	Path string
}

// Listen makes the socket; path may be empty for the usual place. Close it, whatever
// happens. Sockets whose system is gone, because it was killed, are removed.
func (h *Hub) Listen(path string) (*Listener, error) {
	if path == "" {
		dir, err := openDirectory()
		if err != nil {
			return nil, err
		}
		_, _ = Find()
		path = filepath.Join(dir, strconv.Itoa(os.Getpid())+socketSuffix)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go h.serve(c)
		}
	}()
	return &Listener{l, path}, nil
}

// serve answers one client.
func (h *Hub) serve(c net.Conn) {
	defer c.Close()
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, control.MaxLine)
	for lines.Scan() {
		var q request
		var a answer
		d := json.NewDecoder(strings.NewReader(lines.Text()))
		d.DisallowUnknownFields()
		switch err := d.Decode(&q); {
		case err != nil:
			a.Error = err.Error()
		case q.Log:
			a.Lines = append([]string{}, h.Log()...)
		case q.EOF || q.Window != nil:
			a.Error = "the standard streams belong to whoever started the system"
		case q.Swap == nil && !q.Stats && !q.Servers && !q.Wires:
			a.Error = "nothing is asked for"
		default:
			if a.ToHost, err = h.Ask(q.FromHost); err != nil {
				a.Error = err.Error()
			}
		}
		if _, err := c.Write(control.Encode(a)); err != nil {
			return
		}
	}
}

// Find lists the sockets of running systems, and removes those that nobody listens at.
func Find() (paths []string, err error) {
	dir, err := openDirectory()
	if err != nil {
		return nil, err
	}
	all, err := filepath.Glob(filepath.Join(dir, "*"+socketSuffix))
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		c, err := net.Dial("unix", p)
		if errors.Is(err, syscall.ECONNREFUSED) {
			_ = os.Remove(p)
			continue
		}
		if err == nil {
			c.Close()
			paths = append(paths, p)
		}
	}
	return paths, nil
}

// Client asks one system.
type Client struct {
	conn net.Conn
	in   *bufio.Reader
}

// Dial finds the only running system, or the one at path.
func Dial(path string) (*Client, error) {
	if path == "" {
		paths, err := Find()
		switch {
		case err != nil:
			return nil, err
		case len(paths) == 0:
			return nil, fmt.Errorf("no system runs (looked in %s): start one with \"starling run\"", Directory())
		case len(paths) > 1:
			return nil, fmt.Errorf("several systems run: choose one with --socket\n  %s", strings.Join(paths, "\n  "))
		}
		path = paths[0]
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, fmt.Errorf("no system listens at %s: %w", path, err)
	}
	return &Client{c, bufio.NewReaderSize(c, control.MaxLine)}, nil
}

// Close ends the conversation.
func (c *Client) Close() { c.conn.Close() }

// Ask sends a request and waits for the answer.
func (c *Client) Ask(q control.FromHost) (control.ToHost, error) {
	a, err := c.exchange(request{FromHost: q})
	return a.ToHost, err
}

// Log asks for what was worth knowing so far.
func (c *Client) Log() ([]string, error) {
	a, err := c.exchange(request{Log: true})
	return a.Lines, err
}

func (c *Client) exchange(q request) (a answer, err error) {
	if _, err = c.conn.Write(control.Encode(q)); err != nil {
		return a, err
	}
	line, err := c.in.ReadBytes('\n')
	if err != nil {
		return a, ErrGone
	}
	if err = json.Unmarshal(line, &a); err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	return a, err
}
