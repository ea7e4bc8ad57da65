package tty

import (
	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
)

// tenth is the unit of VTIME in ns.
const tenth = 100_000_000

// read is read(2) on a terminal that is not hung up.
func (t *TTY) read(c *vfs.Context, f *vfs.File, io *usermem.IO) (int, unix.Errno) {
	if t.Kind != Master {
		if e := t.check(c, unix.SIGTTIN); e != 0 {
			return 0, e
		}
	}
	want := io.Len()
	if want == 0 {
		return 0, 0
	}
	if t.Packet && t.peer != nil && t.peer.PacketStatus != 0 {
		status := [1]byte{byte(t.peer.PacketStatus)}
		t.peer.PacketStatus = 0
		return io.Put(status[:])
	}
	if t.InputMore && len(t.Arrived) == 0 && !t.available(false) {
		t.m.pullConsole(t)
	}
	if t.canonical() {
		if !t.available(false) {
			return 0, t.nothing()
		}
		return t.readLine(io, want)
	}
	return t.readRaw(c, io, want, c.NonBlock || f != nil && f.NonBlock())
}

// nothing is the answer when there is no input: the end when none can come.
func (t *TTY) nothing() unix.Errno {
	switch {
	case t.PeerClosed:
		return unix.EIO
	case t.InputEnded:
		return 0
	}
	return unix.EAGAIN
}

// readLine hands out one line, or as much of it as is wanted. The end-of-file byte ends
// a line without being part of it, also when the line fills the buffer exactly.
func (t *TTY) readLine(io *usermem.IO, want uint64) (int, unix.Errno) {
	n, found := int(t.Canon), len(t.Marks) > 0
	if found {
		n = int(t.Marks[0])
	}
	take := n
	if found {
		take++
		if t.Input[n] != disabled {
			n++
		}
	}
	if uint64(n) > want {
		n, take = int(want), int(want)
	}
	done, e := io.Put(t.Input[:n])
	if done < n {
		take = done
	}
	marks := len(t.Marks)
	t.consume(take)
	if len(t.Marks) < marks {
		t.Push = false
	}
	t.receive()
	if done > 0 {
		e = 0
	}
	return done, e
}

// readRaw is the four cases of MIN and TIME (termios(3)). Nothing is taken before
// the call can end, so that a call that runs again finds all of it. A call that must
// not wait gets what there is.
func (t *TTY) readRaw(c *vfs.Context, io *usermem.IO, want uint64, hurry bool) (int, unix.Errno) {
	least, time := uint64(t.Cc[unix.VMIN]), int64(t.Cc[unix.VTIME])*tenth
	have := uint64(t.Committed)
	head := uint64(0)
	if t.Packet {
		head = 1
	}
	switch {
	case have == 0 && (t.PeerClosed || t.InputEnded):
		return 0, t.nothing()
	case have == 0 && least == 0:
		if time == 0 || c.TimedOut {
			return 0, 0
		}
		c.Deadline = t.readStart(c) + time
		return 0, unix.EAGAIN
	case have == 0:
		c.Deadline = 0
		return 0, unix.EAGAIN
	case head+have < min(least, want) && !hurry && !t.PeerClosed && !t.InputEnded:
		if time == 0 {
			return 0, unix.EAGAIN
		}
		// TIME runs from byte to byte, and starts with the read for bytes that
		// were there before.
		deadline := max(t.LastInput, t.readStart(c)) + time
		if t.m.v.Now() < deadline && !c.TimedOut {
			c.Deadline = deadline
			return 0, unix.EAGAIN
		}
	}
	if t.Packet {
		if _, e := io.Put([]byte{unix.TIOCPKT_DATA}); e != 0 {
			return 0, e
		}
		want--
	}
	n := int(min(have, want))
	done, e := io.Put(t.Input[:n])
	t.consume(done)
	t.receive()
	if done > 0 || t.Packet {
		return done + int(head), 0
	}
	return done, e
}

// readStart is when the read began, ns since boot.
func (t *TTY) readStart(c *vfs.Context) int64 {
	if c.Call == nil {
		return t.m.v.Now()
	}
	if !c.Again || c.Call.Scratch3 == 0 {
		c.Call.Scratch3 = max(1, t.m.v.Now())
	}
	return c.Call.Scratch3
}

// write is write(2) on a terminal that is not hung up.
func (t *TTY) write(c *vfs.Context, io *usermem.IO) (int, unix.Errno) {
	if t.Lflag&unix.TOSTOP != 0 && t.Kind != Master {
		if e := t.check(c, unix.SIGTTOU); e != 0 {
			return 0, e
		}
	}
	t.processEchoes()
	done := 0
	for {
		if t.pair() && t.peer == nil {
			return done, unix.EIO
		}
		p, e := io.Peek(chunk)
		if e != 0 {
			return done, e
		}
		if len(p) == 0 {
			return done, 0
		}
		n := t.output(p)
		io.Skip(n)
		done += n
		t.flush()
		if n < len(p) && t.room() <= 0 || n == 0 {
			return done, unix.EAGAIN
		}
	}
}
