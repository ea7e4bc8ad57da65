package tty

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// hostPair is a pseudo terminal of the host's Linux, both sides non-blocking.
type hostPair struct{ master, slave int }

func openHostPair(t *testing.T) *hostPair {
	m, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("the host has no pseudo terminals: %v", err)
	}
	n, err := unix.IoctlGetInt(m, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(m, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		unix.Close(m)
		t.Skipf("the host's /dev/pts does not open: %v", err)
	}
	return &hostPair{m, s}
}

func (h *hostPair) close() {
	unix.Close(h.slave)
	unix.Close(h.master)
}

// settle lets the host's kernel worker take what was written to the master.
func (h *hostPair) settle() {
	p := []unix.PollFd{{Fd: int32(h.slave), Events: unix.POLLIN}, {Fd: int32(h.master), Events: unix.POLLIN}}
	unix.Poll(p, 0)
}

// expect reads until want has come. The host works in the background: it gets time to
// produce what is wanted, but nothing else may come.
func expect(fd int, size int, want []byte, wantErr unix.Errno) (got []byte, err error) {
	deadline := time.Now().Add(100 * time.Millisecond)
	for {
		buf := make([]byte, size)
		n, e := unix.Read(fd, buf)
		errno, _ := e.(unix.Errno)
		if n > 0 {
			got = append(got, buf[:n]...)
		}
		if len(got) >= len(want) && (n > 0 || errno == wantErr) || time.Now().After(deadline) {
			if n < 0 && len(got) == 0 && errno != wantErr {
				return got, fmt.Errorf("errno %v, want %v", errno, wantErr)
			}
			return got, nil
		}
		if n <= 0 && errno != unix.EAGAIN {
			return got, fmt.Errorf("errno %v with %q, want %q and %v", errno, got, want, wantErr)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// alphabet has every character that is special in some mode, and some that are not.
var alphabet = []byte("ab _Z9\t\n\r\x00\x01\x03\x04\x08\x0f\x11\x12\x13\x15\x16\x17\x1a\x1c\x7f\x80\xbf\xc3\xa4\xe2\x82\xac\xff%")

func flagSet(t *rapid.T, name string, choices []uint32) uint32 {
	var v uint32
	for i, c := range choices {
		if rapid.Bool().Draw(t, fmt.Sprintf("%s%d", name, i)) {
			v |= c
		}
	}
	return v
}

func drawSettings(t *rapid.T) settings {
	s := settings{
		iflag: flagSet(t, "iflag", []uint32{unix.ICRNL, unix.INLCR, unix.IGNCR, unix.ISTRIP, unix.IUTF8, unix.IXON, unix.IXANY, unix.IUCLC, unix.PARMRK}),
		oflag: flagSet(t, "oflag", []uint32{unix.OPOST, unix.ONLCR, unix.OCRNL, unix.ONOCR, unix.ONLRET, unix.OLCUC, xTabs}),
		cflag: unix.B38400 | unix.CS8 | unix.CREAD,
		lflag: flagSet(t, "lflag", []uint32{unix.ISIG, unix.ICANON, unix.ECHO, unix.ECHOE, unix.ECHOK, unix.ECHONL, unix.ECHOCTL, unix.ECHOKE, unix.ECHOPRT, unix.IEXTEN, unix.NOFLSH}),
		cc:    initialCC,
	}
	// The canonical mode is what most of the rules are about.
	if rapid.IntRange(0, 3).Draw(t, "canonical") > 0 {
		s.lflag |= unix.ICANON | unix.IEXTEN
	}
	if rapid.Bool().Draw(t, "eol") {
		s.cc[unix.VEOL] = '%'
	}
	s.cc[unix.VMIN] = byte(rapid.IntRange(0, 1).Draw(t, "min"))
	s.deriveSpeeds()
	return s
}

// operation is one step of a comparison.
type operation struct {
	settings *settings // for the slave
	output   []byte    // to the slave
	input    []byte    // to the master
	size     int       // read from the slave
}

func drawOperation(t *rapid.T) operation {
	switch rapid.IntRange(0, 9).Draw(t, "op") {
	case 0:
		s := drawSettings(t)
		return operation{settings: &s}
	case 1:
		return operation{output: rapid.SliceOfN(rapid.SampledFrom(alphabet), 1, 20).Draw(t, "output")}
	case 2, 3:
		return operation{size: rapid.IntRange(1, 40).Draw(t, "size")}
	}
	return operation{input: rapid.SliceOfN(rapid.SampledFrom(alphabet), 1, 12).Draw(t, "input")}
}

// TestSameAsHost drives a pair of ours and one of the host's Linux with the same
// operations; everything read from either side must be the same. The host takes input in
// the background and does not tell when it has: a difference counts when it is
// still there after longer pauses.
func TestSameAsHost(t *testing.T) {
	openHostPair(t).close()
	rapid.Check(t, func(rt *rapid.T) {
		ops := rapid.SliceOfN(rapid.Custom(drawOperation), 1, 25).Draw(rt, "operations")
		var err error
		for _, pause := range []time.Duration{0, 2 * time.Millisecond, 20 * time.Millisecond} {
			if err = compare(t, ops, pause); err == nil || err == errDefect {
				return
			}
		}
		rt.Fatal(err)
	})
}

var errDefect = errors.New("the host's terminal is broken")

func compare(t *testing.T, ops []operation, pause time.Duration) error {
	h := openHostPair(t)
	defer h.close()
	w := newWorld(nil)
	master := w.m.newPair(0)
	slave := master.peer
	slave.opens, master.opens = 1, 1
	for i, op := range ops {
		switch {
		case op.settings != nil:
			slave.apply(*op.settings)
			if err := setHost(h.slave, op.settings); err != nil {
				return err
			}
		case op.output != nil:
			n, _ := writeAll(w, slave, op.output)
			hn, _ := unix.Write(h.slave, op.output)
			if n != max(hn, 0) {
				return fmt.Errorf("step %d: write to slave: %d, host %d", i, n, hn)
			}
		case op.input != nil:
			n, _ := writeAll(w, master, op.input)
			hn, err := unix.Write(h.master, op.input)
			if n != hn {
				return fmt.Errorf("step %d: write to master: %d, host %d %v", i, n, hn, err)
			}
			h.settle()
			time.Sleep(pause)
		default:
			settleInput(h, slave)
			got, e := readAll(t, w, slave, op.size)
			if e == 0 && len(got) == 0 {
				n, err := unix.Read(h.slave, make([]byte, op.size))
				if n != 0 || err != nil {
					return fmt.Errorf("step %d: slave read the end, host %d %v", i, n, err)
				}
				break
			}
			host, err := expect(h.slave, op.size, got, e)
			if err != nil || !bytes.Equal(got, host) {
				return fmt.Errorf("step %d: slave read %q, host %q %v", i, got, host, err)
			}
		}
		if err := compareMaster(t, w, master, h); err != nil {
			if err == errDefect {
				return err
			}
			return fmt.Errorf("step %d: %v", i, err)
		}
	}
	return nil
}

// settleInput waits until the host's slave has as much input as ours.
func settleInput(h *hostPair, slave *TTY) {
	for range 100 {
		h.settle()
		n, err := unix.IoctlGetInt(h.slave, unix.TIOCINQ)
		if err != nil || n == slave.readable() {
			return
		}
		time.Sleep(200 * time.Microsecond)
	}
}

func compareMaster(t *testing.T, w *world, master *TTY, h *hostPair) error {
	settleInput(h, master.peer)
	got, e := readAll(t, w, master, 4096)
	host, err := expect(h.master, 4096, got, e)
	if bytes.Contains(host, make([]byte, bufferSize/2)) {
		// Linux bug: after a flush by a signal character its read buffer can seem
		// to be full, of zeroes, and is echoed by VREPRINT.
		return errDefect
	}
	if err != nil || !bytes.Equal(got, host) {
		return fmt.Errorf("master read %q %v, host %q %v", got, e, host, err)
	}
	n, err := unix.IoctlGetInt(h.slave, unix.TIOCINQ)
	if err != nil || n != master.peer.readable() {
		return fmt.Errorf("slave has %d bytes to read, host %d %v", master.peer.readable(), n, err)
	}
	return nil
}

func setHost(fd int, s *settings) error {
	t := &unix.Termios{Iflag: s.iflag, Oflag: s.oflag, Cflag: s.cflag, Lflag: s.lflag, Line: s.line}
	copy(t.Cc[:], s.cc[:])
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
