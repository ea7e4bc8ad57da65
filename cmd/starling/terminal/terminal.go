// Package terminal puts the user's terminal into raw mode and back, and tells
// its size.
package terminal

import (
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// Is reports whether a file is a terminal.
func Is(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Raw is a terminal in raw mode.
type Raw struct {
	fd   int
	old  unix.Termios
	once sync.Once
}

// MakeRaw turns off everything the terminal does to bytes on its own (the
// guest's terminal does it instead), as cfmakeraw(3).
func MakeRaw(f *os.File) (*Raw, error) {
	fd := int(f.Fd())
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, os.NewSyscallError("tcgetattr", err)
	}
	raw := *old
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETSW, &raw); err != nil {
		return nil, os.NewSyscallError("tcsetattr", err)
	}
	return &Raw{fd: fd, old: *old}, nil
}

// Restore puts the terminal back as it was. It may be called more than once and
// from any goroutine.
func (r *Raw) Restore() {
	if r == nil {
		return
	}
	r.once.Do(func() { _ = unix.IoctlSetTermios(r.fd, unix.TCSETSW, &r.old) })
}

// Size is the number of rows and columns, 0 when unknown.
func Size(f *os.File) (rows, columns uint16) {
	ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return ws.Row, ws.Col
}

// Resized delivers a value whenever the terminal's size has changed.
func Resized() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGWINCH)
	return c
}
