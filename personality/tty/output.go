package tty

import (
	"golang.org/x/sys/unix"
)

// blanks is a tab stop's worth.
const blanks = "        "

// outputByte post-processes and outputs one character. It returns the room used; ok is
// false when there is not enough.
func (t *TTY) outputByte(c byte, room int) (used int, ok bool) {
	if room < 1 {
		return 0, false
	}
	switch c {
	case '\n':
		if t.Oflag&unix.ONLRET != 0 {
			t.Column = 0
		}
		if t.Oflag&unix.ONLCR != 0 {
			if room < 2 {
				return 0, false
			}
			t.CanonColumn, t.Column = 0, 0
			t.put('\r')
			t.put('\n')
			return 2, true
		}
		t.CanonColumn = t.Column
	case '\r':
		if t.Oflag&unix.ONOCR != 0 && t.Column == 0 {
			return 0, true
		}
		if t.Oflag&unix.OCRNL != 0 {
			c = '\n'
			if t.Oflag&unix.ONLRET != 0 {
				t.CanonColumn, t.Column = 0, 0
			}
			break
		}
		t.CanonColumn, t.Column = 0, 0
	case '\t':
		spaces := 8 - t.Column&7
		if t.Oflag&tabDly == xTabs {
			if room < int(spaces) {
				return 0, false
			}
			t.Column += spaces
			for i := range spaces {
				t.put(blanks[i])
			}
			return int(spaces), true
		}
		t.Column += spaces
	case '\b':
		t.columnBack()
	default:
		if !control(c) {
			if t.Oflag&unix.OLCUC != 0 {
				c = upper(c)
			}
			if !t.continues(c) {
				t.Column++
			}
		}
	}
	t.put(c)
	return 1, true
}

// output takes as much of p as there is room for and returns how much.
func (t *TTY) output(p []byte) int {
	room := t.room()
	if t.Oflag&unix.OPOST == 0 {
		n := min(max(room, 0), len(p))
		t.putBytes(p[:n])
		return n
	}
	for i, c := range p {
		used, ok := t.outputByte(c, room)
		if !ok {
			return i
		}
		room -= used
	}
	return len(p)
}

// room is how many bytes the device takes now.
func (t *TTY) room() int {
	if t.Kind == Console {
		return outputSize - len(t.Output)
	}
	if t.peer == nil || t.Stopped {
		return 0
	}
	return pairSize - len(t.peer.Arrived)
}

// pending is how many bytes the device has not sent yet.
func (t *TTY) pending() int {
	if t.Kind == Console {
		return len(t.Output)
	}
	return 0
}

func (t *TTY) put(c byte) {
	if t.Kind == Console {
		t.Output = append(t.Output, c)
	} else if t.peer != nil {
		t.peer.Arrived = append(t.peer.Arrived, c)
	}
}

func (t *TTY) putBytes(p []byte) {
	if t.Kind == Console {
		t.Output = append(t.Output, p...)
	} else if t.peer != nil {
		t.peer.Arrived = append(t.peer.Arrived, p...)
	}
}

// flush hands what was put to the device.
func (t *TTY) flush() {
	if t.Kind == Console {
		if len(t.Output) > 0 && !t.Stopped {
			t.m.sendConsole(t)
		}
		return
	}
	if t.peer != nil && !t.busy {
		t.peer.receive()
	}
}

// flushOutput throws away output that the device has not sent yet.
func (t *TTY) flushOutput() {
	if t.Kind == Console {
		t.Output = t.Output[:0]
	} else if t.peer != nil {
		t.peer.Arrived = t.peer.Arrived[:0]
		t.reportFlush(unix.TIOCPKT_FLUSHWRITE)
	}
	t.m.wake(t, outputEvents)
}

// reportFlush tells a master in packet mode that a queue was flushed.
func (t *TTY) reportFlush(status uint32) {
	if t.peer != nil && t.peer.Packet {
		t.PacketStatus |= status
		t.m.wake(t.peer, inputEvents|priorityEvents)
	}
}

// stop holds the output back: VSTOP or TCOOFF.
func (t *TTY) stop() {
	if t.Stopped {
		return
	}
	t.Stopped = true
	t.reportFlow(unix.TIOCPKT_STOP, unix.TIOCPKT_START)
}

// start lets output go on, unless TCOOFF holds it.
func (t *TTY) start() {
	if !t.Stopped || t.Held {
		return
	}
	t.Stopped = false
	t.reportFlow(unix.TIOCPKT_START, unix.TIOCPKT_STOP)
	t.flush()
	t.m.wake(t, outputEvents)
}

func (t *TTY) reportFlow(set, clear uint32) {
	if t.peer != nil && t.peer.Packet {
		t.PacketStatus = t.PacketStatus&^clear | set
		t.m.wake(t.peer, inputEvents|priorityEvents)
	}
}
