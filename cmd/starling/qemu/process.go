package qemu

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Process is a running QEMU.
type Process struct {
	// The host's ends of COM1 to COM4. They end when QEMU does.
	Terminal, Control, Errors, Emergency net.Conn

	done   chan struct{}
	group  int // process group, QEMU's own
	err    error
	stderr bytes.Buffer
}

// Start boots an image. The image is handed over in memory, the serial lines
// are pairs of connected sockets: nothing is left in the file system.
func Start(c Config, image []byte) (*Process, error) {
	path, err := find()
	if err != nil {
		return nil, err
	}
	args, err := c.arguments()
	if err != nil {
		return nil, err
	}
	kernel, err := memoryFile("starling-image", image)
	if err != nil {
		return nil, err
	}
	defer kernel.Close()
	p := &Process{done: make(chan struct{})}
	inherited := []*os.File{kernel}
	args = append(args, "-kernel", "/proc/self/fd/3") // the first inherited file
	defer func() {
		for _, f := range inherited[1:] {
			f.Close()
		}
	}()
	if c.Initrd != nil {
		f, err := memoryFile("initrd", c.Initrd)
		if err != nil {
			return nil, err
		}
		inherited = append(inherited, f)
		args = append(args, "-initrd", "/proc/self/fd/4")
	}
	if c.CommandLine != "" {
		args = append(args, "-append", c.CommandLine)
	}
	for i, mine := range []*net.Conn{&p.Terminal, &p.Control, &p.Errors, &p.Emergency} {
		conn, theirs, err := socketPair()
		if err != nil {
			p.closeLines()
			return nil, err
		}
		*mine = conn
		inherited = append(inherited, theirs)
		args = append(args, serial(i, "socket,fd="+strconv.Itoa(len(inherited)+2))...)
	}
	cmd := exec.Command(path, args...)
	cmd.ExtraFiles = inherited
	cmd.Stderr = &p.stderr
	// A group of its own: the terminal's Ctrl-C is not for QEMU. And it dies with us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The death signal is sent when the *thread* that started the process ends.
		runtime.LockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.group = cmd.Process.Pid
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		p.closeLines()
		return nil, fmt.Errorf("starting QEMU: %w", err)
	}
	return p, nil
}

// Done is closed when QEMU has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Kill ends QEMU at once and waits until it is gone.
func (p *Process) Kill() {
	select {
	case <-p.done:
	default:
		_ = unix.Kill(-p.group, unix.SIGKILL)
		<-p.done
	}
	p.closeLines()
}

// Status says how QEMU ended, after Done. A machine that stopped itself with
// code c makes QEMU exit with 2c+1 (isa-debug-exit).
func (p *Process) Status() (code int, ok bool) {
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && exit.Exited() && exit.ExitCode()%2 == 1 {
		return exit.ExitCode() / 2, true
	}
	return 0, false
}

// Reason is what is known about an end that was not the machine's own doing.
func (p *Process) Reason() string {
	said := strings.TrimSpace(p.stderr.String())
	if said != "" {
		return "QEMU: " + said
	}
	if p.err == nil {
		return "the machine was reset: the kernel could not start, or hit a fault it has no handler for"
	}
	if code, ok := p.Status(); ok {
		return fmt.Sprintf("the machine stopped with code %d", code)
	}
	return "QEMU: " + p.err.Error()
}

func (p *Process) closeLines() {
	for _, c := range []net.Conn{p.Terminal, p.Control, p.Errors, p.Emergency} {
		if c != nil {
			c.Close()
		}
	}
}

// memoryFile makes an anonymous file with the given contents.
func memoryFile(name string, data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(data); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// lineBuffer is how much memory a line may take in the kernel, in bytes.
const lineBuffer = 8 << 20

// socketPair returns our end as a connection and the other as a file to inherit.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	// QEMU writes byte by byte, and the kernel counts some 800 for each: a line would stand still after
	// less than 300 bytes that nobody has read yet. Who may not raise the limit has slower lines.
	_ = unix.SetsockoptInt(fds[1], unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, lineBuffer)
	mine, theirs := os.NewFile(uintptr(fds[0]), "line"), os.NewFile(uintptr(fds[1]), "line")
	defer mine.Close() // FileConn duplicates it
	conn, err := net.FileConn(mine)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn, theirs, nil
}
