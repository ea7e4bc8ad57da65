// Terminals makes a pseudo terminal and prints what both sides see of each other: the
// modes, editing, flow control, packet mode, time limits, and what is left when a side
// has gone. Sessions and job control are scenarios of the simulation.
package main

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// settle is enough time for Linux's worker to move bytes from one side to the other.
const settle = 20 * time.Millisecond

// pair is a pseudo terminal whose sides do not block.
type pair struct {
	master, slave int
	name          string
}

func errno(err error) string {
	var e unix.Errno
	if errors.As(err, &e) && e != 0 {
		return unix.ErrnoName(e)
	}
	return "ok"
}

func (p *pair) open() error {
	var err error
	p.slave, err = unix.Open(p.name, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	return err
}

func read(what string, fd, n int) {
	time.Sleep(settle)
	b := make([]byte, n)
	k, err := unix.Read(fd, b)
	fmt.Printf("read %s: %q %s\n", what, b[:max(k, 0)], errno(err))
}

// drop reads and forgets everything.
func drop(fd int) {
	time.Sleep(settle)
	for b := make([]byte, 9000); ; {
		if n, _ := unix.Read(fd, b); n <= 0 {
			return
		}
	}
}

func write(what string, fd int, s string) {
	n, err := unix.Write(fd, []byte(s))
	fmt.Printf("write %s: %d %s\n", what, n, errno(err))
}

func poll(what string, fd int) {
	time.Sleep(settle)
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLOUT | unix.POLLPRI | unix.POLLRDHUP}}
	n, err := unix.Poll(p, 0)
	fmt.Printf("poll %s: %d %#x %s\n", what, n, p[0].Revents, errno(err))
}

// await waits until a terminal takes output, or does not: Linux passes on what was written to the other
// side when it has time.
func await(fd int, takes bool) {
	for range 1000 {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if n, err := unix.Poll(p, 0); err == nil && (n > 0) == takes {
			return
		}
		time.Sleep(settle)
	}
}

func ioctl(what string, fd int, request uint, v int) {
	fmt.Printf("ioctl %s: %s\n", what, errno(unix.IoctlSetInt(fd, request, v)))
}

func number(what string, fd int, request uint) {
	v, err := unix.IoctlGetInt(fd, request)
	fmt.Printf("ioctl %s: %d %s\n", what, v, errno(err))
}

// set changes the modes and the two characters of raw input.
func (p *pair) set(iflag, oflag, lflag uint32, least, tenths byte) {
	t, err := unix.IoctlGetTermios(p.slave, unix.TCGETS)
	if err != nil {
		fmt.Println("TCGETS:", errno(err))
		return
	}
	t.Iflag, t.Oflag, t.Lflag = iflag, oflag, lflag
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = least, tenths
	if err := unix.IoctlSetTermios(p.slave, unix.TCSETS, t); err != nil {
		fmt.Println("TCSETS:", errno(err))
	}
}

const (
	cooked = unix.ICANON | unix.ISIG | unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHOCTL | unix.ECHOKE | unix.IEXTEN
	post   = unix.OPOST | unix.ONLCR
)

func main() {
	p := &pair{}
	var err error
	if p.master, err = unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0); err != nil {
		fmt.Println("ptmx:", errno(err))
		return
	}
	n, _ := unix.IoctlGetInt(p.master, unix.TIOCGPTN)
	p.name = fmt.Sprintf("/dev/pts/%d", n)
	fmt.Println("open while locked:", errno(p.open()))
	poll("master alone", p.master)
	write("to a slave nobody has opened", p.master, "early\n")
	unix.IoctlSetPointerInt(p.master, unix.TIOCSPTLCK, 0)
	fmt.Println("open:", errno(p.open()))
	read("what came early", p.slave, 100)
	drop(p.master)

	p.settings()
	p.lines()
	p.flow()
	p.requests()
	p.raw()
	p.packets()
	p.closing()
}

func (p *pair) settings() {
	t, _ := unix.IoctlGetTermios(p.slave, unix.TCGETS)
	fmt.Printf("settings: %o %o %o %o %v\n", t.Iflag, t.Oflag, t.Cflag, t.Lflag, t.Cc)
	t.Cflag = t.Cflag&^unix.CSIZE | unix.CS7 | unix.PARENB | unix.CSTOPB
	unix.IoctlSetTermios(p.master, unix.TCSETS, t)
	t, _ = unix.IoctlGetTermios(p.slave, unix.TCGETS2)
	fmt.Printf("seven bits and a parity bit: %o, speed %d %d\n", t.Cflag, t.Ispeed, t.Ospeed)
	t.Cflag = t.Cflag&^unix.CBAUD | unix.BOTHER
	t.Ospeed = 12345
	unix.IoctlSetTermios(p.slave, unix.TCSETS2, t)
	t, _ = unix.IoctlGetTermios(p.slave, unix.TCGETS2)
	fmt.Printf("another speed: %o, speed %d %d\n", t.Cflag, t.Ispeed, t.Ospeed)
	unix.IoctlSetWinsize(p.master, unix.TIOCSWINSZ, &unix.Winsize{Row: 10, Col: 20, Xpixel: 30, Ypixel: 40})
	w, err := unix.IoctlGetWinsize(p.slave, unix.TIOCGWINSZ)
	fmt.Println("window:", *w, errno(err))
}

func (p *pair) lines() {
	write("abc and end of file", p.master, "abc\x04")
	time.Sleep(settle)
	number("FIONREAD", p.slave, unix.TIOCINQ)
	read("as much as there is", p.slave, 3)
	read("after it", p.slave, 10)
	write("end of file", p.master, "\x04")
	poll("end of file", p.slave)
	read("end of file", p.slave, 10)
	write("two lines", p.master, "one\ntwo\n")
	read("a part", p.slave, 2)
	read("the rest", p.slave, 100)
	read("the other", p.slave, 100)
	write("editing", p.master, "hellx\x7fo w\xc3\xa4rld\x17there\x15final\x16\x03\r")
	read("edited", p.slave, 100)
	read("its echo", p.master, 200)
	long := make([]byte, 1000)
	for i := range long {
		long[i] = 'x'
	}
	for i := range 6 {
		write(fmt.Sprint("long line ", i), p.master, string(long))
		drop(p.master)
	}
	write("its end", p.master, "\n")
	time.Sleep(settle)
	number("FIONREAD", p.slave, unix.TIOCINQ)
	drop(p.slave)
	drop(p.master)
}

func (p *pair) flow() {
	ioctl("TCOOFF", p.slave, unix.TCXONC, unix.TCOOFF)
	write("held", p.slave, "x")
	poll("held", p.slave)
	ioctl("TCOON", p.slave, unix.TCXONC, unix.TCOON)
	write("going", p.slave, "x")
	read("going", p.master, 10)
	write("stop", p.master, "\x13")
	await(p.slave, false)
	write("stopped", p.slave, "x")
	write("start", p.master, "\x11")
	await(p.slave, true)
	write("started", p.slave, "y")
	read("started", p.master, 10)
	ioctl("TCIOFF", p.slave, unix.TCXONC, unix.TCIOFF)
	read("stop character", p.master, 10)
	ioctl("TCION", p.slave, unix.TCXONC, unix.TCION)
	read("start character", p.master, 10)
	ioctl("TCXONC 9", p.slave, unix.TCXONC, 9)
	write("to be flushed", p.master, "junk")
	time.Sleep(settle)
	ioctl("TCIFLUSH", p.slave, unix.TCFLSH, unix.TCIFLUSH)
	write("line", p.master, "\n")
	read("after the flush", p.slave, 10)
	ioctl("TCFLSH 9", p.slave, unix.TCFLSH, 9)
	number("TIOCOUTQ", p.slave, unix.TIOCOUTQ)
	ioctl("drain", p.slave, unix.TCSBRK, 1)
	ioctl("break", p.slave, unix.TCSBRK, 0)
	drop(p.master)
}

// requests are those that are refused, and those that only show something.
func (p *pair) requests() {
	number("TIOCGETD", p.slave, unix.TIOCGETD)
	fmt.Println("TIOCSETD 99:", errno(unix.IoctlSetPointerInt(p.slave, unix.TIOCSETD, 99)))
	number("TIOCGPGRP of the slave", p.slave, unix.TIOCGPGRP)
	number("TIOCGPGRP of the master", p.master, unix.TIOCGPGRP)
	number("TIOCGSID of the slave", p.slave, unix.TIOCGSID)
	number("TIOCGSID of the master", p.master, unix.TIOCGSID)
	fmt.Println("TIOCSPGRP:", errno(unix.IoctlSetPointerInt(p.slave, unix.TIOCSPGRP, unix.Getpid())))
	ioctl("TIOCNOTTY", p.slave, unix.TIOCNOTTY, 0)
	number("TIOCGPTN of the slave", p.slave, unix.TIOCGPTN)
	fmt.Println("TIOCPKT of the slave:", errno(unix.IoctlSetPointerInt(p.slave, unix.TIOCPKT, 1)))
	number("TIOCMGET", p.slave, unix.TIOCMGET)
	number("TIOCGSOFTCAR", p.slave, unix.TIOCGSOFTCAR)
	ioctl("no such request", p.slave, 0x5499, 0)
	ioctl("bad pointer", p.slave, unix.TCGETS, 8)
	ioctl("bad pointer", p.slave, unix.TIOCSWINSZ, 8)
	peer, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(p.master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY)
	fmt.Println("TIOCGPTPEER:", errno(e))
	unix.Close(int(peer))
	_, err := unix.Seek(p.slave, 0, unix.SEEK_SET)
	fmt.Println("lseek:", errno(err))
	_, err = unix.Pread(p.slave, make([]byte, 1), 0)
	fmt.Println("pread:", errno(err))
}

// waited says whether a time is what was asked for, give or take a slow machine.
func waited(from time.Time, least time.Duration) string {
	if d := time.Since(from); d < least {
		return fmt.Sprint("only ", d)
	}
	return "long enough"
}

func (p *pair) raw() {
	p.set(0, 0, 0, 0, 0)
	read("nothing, MIN 0", p.slave, 10)
	write("raw", p.master, "a\r\x03")
	read("part", p.slave, 2)
	poll("more", p.slave)
	read("rest", p.slave, 10)
	read("no echo", p.master, 10)
	p.set(0, 0, 0, 3, 0)
	write("less than MIN", p.master, "zz")
	poll("less than MIN", p.slave)
	read("less than MIN, in a hurry", p.slave, 10)

	unix.SetNonblock(p.slave, false)
	p.set(0, 0, 0, 0, 2)
	from := time.Now()
	read("TIME 2", p.slave, 10)
	fmt.Println("waited", waited(from, 200*time.Millisecond))
	p.set(0, 0, 0, 5, 1)
	from = time.Now()
	go func() {
		for _, s := range []string{"a", "b"} {
			time.Sleep(60 * time.Millisecond)
			unix.Write(p.master, []byte(s))
		}
	}()
	read("MIN 5 TIME 1", p.slave, 10)
	fmt.Println("waited", waited(from, 200*time.Millisecond))
	p.set(0, 0, 0, 3, 0)
	go func() {
		for _, s := range []string{"a", "b", "c"} {
			time.Sleep(30 * time.Millisecond)
			unix.Write(p.master, []byte(s))
		}
	}()
	read("MIN 3", p.slave, 10)
	unix.SetNonblock(p.slave, true)
}

func (p *pair) packets() {
	p.set(unix.ICRNL|unix.IXON, post, unix.ICANON|unix.ISIG|unix.ECHO|unix.ECHOCTL|unix.IEXTEN, 1, 0)
	unix.IoctlSetPointerInt(p.master, unix.TIOCPKT, 1)
	read("no packet", p.master, 10)
	write("data", p.slave, "hey\n")
	read("data", p.master, 10)
	ioctl("flush both", p.slave, unix.TCFLSH, unix.TCIOFLUSH)
	poll("flushed", p.master)
	read("flushed", p.master, 10)
	p.set(unix.ICRNL, post, unix.ICANON|unix.ISIG|unix.ECHO, 1, 0)
	read("no flow control", p.master, 10)
	p.set(unix.ICRNL|unix.IXON, post, unix.ICANON|unix.ISIG|unix.ECHO, 1, 0)
	read("flow control", p.master, 10)
	ioctl("TCOOFF", p.slave, unix.TCXONC, unix.TCOOFF)
	read("stopped", p.master, 10)
	ioctl("TCOON", p.slave, unix.TCXONC, unix.TCOON)
	read("started", p.master, 10)
	write("interrupt", p.master, "\x03")
	read("flushed by a signal", p.master, 10)
	drop(p.master)
	unix.IoctlSetPointerInt(p.master, unix.TIOCPKT, 0)
	p.set(unix.ICRNL|unix.IXON, post, cooked, 1, 0)
}

func (p *pair) closing() {
	unix.Close(p.slave)
	poll("slave closed", p.master)
	read("slave closed", p.master, 10)
	write("slave closed", p.master, "keep\n")
	fmt.Println("open again:", errno(p.open()))
	read("what was kept", p.slave, 10)
	poll("open again", p.master)
	drop(p.master)
	unix.Close(p.master)
	poll("hung up", p.slave)
	read("hung up", p.slave, 10)
	write("hung up", p.slave, "x")
	_, err := unix.IoctlGetTermios(p.slave, unix.TCGETS)
	fmt.Println("TCGETS when hung up:", errno(err))
	fmt.Println("TIOCSPGRP when hung up:", errno(unix.IoctlSetPointerInt(p.slave, unix.TIOCSPGRP, unix.Getpid())))
	_, err = unix.Open(p.name, unix.O_RDWR|unix.O_NOCTTY, 0)
	fmt.Println("the name:", errno(err))
}
