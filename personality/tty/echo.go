package tty

import "golang.org/x/sys/unix"

// Echoes wait in a queue of their own, for output may be stopped while input goes
// on. What depends on the cursor's column when it is shown is an operation:
// opStart, then its code. A byte equal to opStart is doubled.
const (
	opStart       = 0xff
	opMoveBack    = 0x80
	opCanonColumn = 0x81
	opEraseTab    = 0x82 // then the columns; bit 7: counted from a tab

	// echoSize bounds the queue; the oldest echoes are dropped beyond it
	// (ECHO_DISCARD_WATERMARK).
	echoSize = bufferSize - 288
)

func (t *TTY) echoRaw(c byte) {
	if c == opStart {
		t.Echoes = append(t.Echoes, opStart)
	}
	t.Echoes = append(t.Echoes, c)
}

// echo shows a control character as ^X when ECHOCTL says so.
func (t *TTY) echo(c byte) {
	if c != opStart && t.Lflag&unix.ECHOCTL != 0 && control(c) && c != '\t' {
		t.Echoes = append(t.Echoes, opStart, c)
		return
	}
	t.echoRaw(c)
}

func (t *TTY) echoMoveBack() { t.Echoes = append(t.Echoes, opStart, opMoveBack) }

func (t *TTY) echoSetCanonColumn() { t.Echoes = append(t.Echoes, opStart, opCanonColumn) }

func (t *TTY) echoTab(columns int, afterTab bool) {
	n := byte(columns & 7)
	if afterTab {
		n |= 0x80
	}
	t.Echoes = append(t.Echoes, opStart, opEraseTab, n)
}

// flushEchoes shows what was queued while bytes were received.
func (t *TTY) flushEchoes() {
	if t.Lflag&(unix.ECHO|unix.ECHONL) != 0 {
		t.processEchoes()
	}
}

// processEchoes outputs queued echoes as far as there is room.
func (t *TTY) processEchoes() {
	p, room := t.Echoes, t.room()
	for len(p) > 0 {
		n, used := t.echoOne(p, room)
		if n == 0 {
			break
		}
		p, room = p[n:], room-used
	}
	for len(p) > echoSize {
		p = p[echoLength(p):]
	}
	t.Echoes = append(t.Echoes[:0], p...)
	t.flush()
}

// echoLength is the length of the first operation of p.
func echoLength(p []byte) int {
	switch {
	case p[0] != opStart:
		return 1
	case p[1] == opEraseTab:
		return 3
	}
	return 2
}

// echoOne outputs the first operation of p. It returns its length, 0 when there is no
// room, and the room it used.
func (t *TTY) echoOne(p []byte, room int) (n, used int) {
	if p[0] != opStart {
		if t.Oflag&unix.OPOST != 0 {
			used, ok := t.outputByte(p[0], room)
			if !ok {
				return 0, 0
			}
			return 1, used
		}
		if room < 1 {
			return 0, 0
		}
		t.put(p[0])
		return 1, 1
	}
	switch op := p[1]; op {
	case opEraseTab:
		columns := uint32(p[2])
		if columns&0x80 == 0 {
			columns += t.CanonColumn
		}
		back := int(8 - columns&7)
		if back > room {
			return 0, 0
		}
		for range back {
			t.put('\b')
			t.columnBack()
		}
		return 3, back
	case opCanonColumn:
		t.CanonColumn = t.Column
		return 2, 0
	case opMoveBack:
		t.columnBack()
		return 2, 0
	case opStart:
		if room < 1 {
			return 0, 0
		}
		t.put(opStart)
		t.Column++
		return 2, 1
	default:
		if room < 2 {
			return 0, 0
		}
		t.put('^')
		t.put(op ^ 0100)
		t.Column += 2
		return 2, 2
	}
}

func (t *TTY) columnBack() {
	if t.Column > 0 {
		t.Column--
	}
}
