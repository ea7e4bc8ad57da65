package system

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// console is a user at a terminal: it types, and waits for what should appear.
type console struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	cmd    *exec.Cmd
	mu     sync.Mutex
	seen   bytes.Buffer
	from   int // what was already waited for
	before unix.Termios
}

// sit starts the command on a terminal of 24 by 80.
func sit(t *testing.T, args ...string) *console {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := &console{t: t, master: master, slave: slave}
	c.resize(24, 80)
	before, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	c.before = *before
	c.cmd = exec.Command(starling(t), append([]string{"run"}, args...)...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = slave, slave, slave
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		slave.Close()
		master.Close()
	})
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			c.mu.Lock()
			c.seen.Write(buf[:n])
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return c
}

func (c *console) resize(rows, columns uint16) {
	c.t.Helper()
	if err := unix.IoctlSetWinsize(int(c.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *console) write(s string) {
	c.t.Helper()
	if _, err := c.master.WriteString(s); err != nil {
		c.t.Fatal(err)
	}
}

// expect waits for text to appear behind what was expected before.
func (c *console) expect(text string) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		c.mu.Lock()
		seen := c.seen.String()
		c.mu.Unlock()
		if i := strings.Index(seen[c.from:], text); i >= 0 {
			c.from += i + len(text)
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%q does not appear; behind what was expected there is %q", text, seen[c.from:])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// line types a line and waits for its echo, so that what is expected next is
// what the line did.
func (c *console) line(s string) {
	c.t.Helper()
	c.write(s + "\r")
	c.expect(s + "\r\n")
}

// end waits for the command, and for the terminal to be as it was.
func (c *console) end() int {
	c.t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(patience):
		c.t.Fatal("the command does not end")
	}
	after, err := unix.IoctlGetTermios(int(c.slave.Fd()), unix.TCGETS)
	if err != nil {
		c.t.Fatal(err)
	}
	if *after != c.before {
		c.t.Error("the terminal is not as it was")
	}
	return c.cmd.ProcessState.ExitCode()
}

func TestShellSession(t *testing.T) {
	c := sit(t)
	c.expect("# ")
	c.line("echo $((6*7))")
	c.expect("42\r\n")
	c.line("ls -l /proc/self/fd | sort | head -3 | wc -l")
	c.expect("3\r\n")
	c.line("stty size")
	c.expect("24 80\r\n")
	c.resize(30, 100)
	c.expect("# ")
	// SIGWINCH goes through the command and the control channel.
	// The shell draws its line again when it does, so the echo is not waited for.
	c.write("until stty size | grep -q '30 100'; do :; done; stty size\r")
	c.expect("\r\n30 100\r\n")
	c.line("exit 7")
	if status := c.end(); status != 7 {
		t.Errorf("status %d", status)
	}
}

func TestJobControl(t *testing.T) {
	c := sit(t)
	c.expect("# ")
	c.line("sleep 100 &")
	c.expect("# ")
	c.line("kill %1; wait; echo done")
	c.expect("done\r\n")
	c.expect("# ")
	// The shell has put the terminal back to lines before it starts a command, so what is
	// typed now is cat's whenever that gets there.
	c.line("echo go; cat")
	c.expect("go\r\n")
	c.write("typed\r")
	c.expect("typed\r\ntyped\r\n") // the echo, then cat
	c.write("\x03")
	c.expect("^C")
	c.expect("# ")
	c.line("echo $?")
	c.expect("130\r\n")
	c.expect("# ")
	// A job that says when it is in the foreground.
	c.line(`sh -c 'trap "echo ba""ck" CONT; echo rea""dy; while :; do sleep 0.1; done'`)
	c.expect("ready\r\n")
	c.write("\x1a")
	c.expect("^Z")
	c.expect("Stopped")
	c.expect("# ")
	c.line("jobs")
	c.expect("sleep 0.1")
	c.expect("# ")
	c.line("fg")
	c.expect("back\r\n")
	c.write("\x03")
	c.expect("# ")
	c.write("\x04") // end of input ends the shell
	c.end()
}

func TestEditorOnATerminal(t *testing.T) {
	c := sit(t)
	c.expect("# ")
	c.line("vi /tmp/f")
	c.expect("- /tmp/f")
	c.write("ihello\x1b")
	c.expect("[Modified]")
	c.write("\x1a")
	c.expect("Stopped")
	c.expect("# ")
	c.line("echo between")
	c.expect("between\r\n")
	c.expect("# ")
	c.line("fg")
	c.expect("hello")
	c.write(":wq\r")
	c.expect("# ")
	c.line("cat /tmp/f")
	c.expect("hello\r\n")
	c.line("exit")
	if status := c.end(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestTerminalIsRestoredAfterSIGTERM(t *testing.T) {
	c := sit(t)
	c.expect("# ")
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	if status := c.end(); status != 128+15 {
		t.Errorf("status %d", status)
	}
}
