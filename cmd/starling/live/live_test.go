package live

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"starling/ipc/control"
)

// machine is a hub whose machine answers what it is asked, and its end.
func machine(t *testing.T) (*Hub, func()) {
	gone := make(chan struct{})
	h := NewHub(gone)
	go func() {
		for {
			select {
			case <-gone:
				return
			case c := <-h.Commands:
				a := control.ToHost{ID: c.ID, Stats: &control.Stats{Traps: 42}}
				if c.Swap != nil {
					a = control.ToHost{ID: c.ID, Swap: &control.Swapped{Server: c.Swap.Server, To: c.Swap.With, Generation: 2, Pause: 77}}
				}
				h.Line(control.Encode(a))
			}
		}
	}()
	return h, func() { close(gone) }
}

// runtimeDir gives this test a directory for sockets of its own.
func runtimeDir(t *testing.T) string {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	return Directory()
}

func listen(t *testing.T, h *Hub, path string) *Listener {
	t.Helper()
	l, err := h.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// Of no system, one and several systems the client finds the one, and otherwise says what to do.
func TestDialFindsTheOnlySystem(t *testing.T) {
	dir := runtimeDir(t)
	if _, err := Dial(""); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "starling run") {
		t.Errorf("no system: %v", err)
	}
	h, end := machine(t)
	defer end()
	first := listen(t, h, "")
	c, err := Dial("")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if a, err := c.Ask(control.FromHost{Stats: true}); err != nil || a.Stats == nil || a.Stats.Traps != 42 {
		t.Errorf("%+v, %v", a, err)
	}
	second := listen(t, h, filepath.Join(dir, "another"+socketSuffix))
	_, err = Dial("")
	for _, want := range []string{first.Path, second.Path, "--socket"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("two systems: no %s in %v", want, err)
		}
	}
	if _, err := Dial(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "no system listens at") {
		t.Errorf("no such socket: %v", err)
	}
}

// The socket of a system that was killed is found out and removed.
func TestSocketOfTheDead(t *testing.T) {
	dir := runtimeDir(t)
	if _, err := Find(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "dead"+socketSuffix)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	paths, err := Find()
	if _, gone := os.Stat(path); len(paths) != 0 || err != nil || !errors.Is(gone, os.ErrNotExist) {
		t.Errorf("found %q, %v; %v", paths, err, gone)
	}
}

// A directory that others can enter is no place for sockets.
func TestDirectoryOfOthers(t *testing.T) {
	dir := runtimeDir(t)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(); err == nil || !strings.Contains(err.Error(), "XDG_RUNTIME_DIR") {
		t.Errorf("%v", err)
	}
}

// Every line gets an answer, and a wrong one says what is wrong.
func TestAnswers(t *testing.T) {
	runtimeDir(t)
	h, end := machine(t)
	l := listen(t, h, "")
	h.Line([]byte(`{"death":{"server":"console","why":"exception 6","action":"restart 1 of 3"}}`))
	h.Line([]byte(`{"stats":{}}`)) // not asked for: nobody waits
	h.Line([]byte("no JSON"))
	c, err := Dial(l.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if lines, err := c.Log(); err != nil || len(lines) != 1 || !strings.Contains(lines[0], "server console died: exception 6") {
		t.Errorf("log %q, %v", lines, err)
	}
	if a, err := c.Ask(control.FromHost{Swap: &control.Swap{Server: "linux", With: "linux-next"}}); err != nil || a.Swap == nil || a.Swap.To != "linux-next" || a.Swap.PauseInstructions != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	h.Counting = true
	if a, err := c.Ask(control.FromHost{Swap: &control.Swap{Server: "linux"}}); err != nil || a.Swap == nil || a.Swap.PauseInstructions != 77 {
		t.Errorf("%+v, %v", a, err)
	}
	for line, want := range map[string]string{
		`{"stat":true}`: "unknown field", `{}`: "nothing is asked for", `{"eof":true}`: "belong to whoever started", `{`: "unexpected EOF",
		`{"window":{"rows":1}}`: "belong to whoever started",
	} {
		if _, err := c.conn.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		if got, err := c.in.ReadString('\n'); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
	end()
	if _, err := c.Ask(control.FromHost{Servers: true}); err == nil || !strings.Contains(err.Error(), ErrGone.Error()) {
		t.Errorf("a system that is gone: %v", err)
	}
}
