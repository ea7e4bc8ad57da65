package tty

import (
	"golang.org/x/sys/unix"
)

// receive lets the line discipline take arrived bytes as long as it has room.
//
// In canonical mode without a finished line there is always room for one more
// byte, which replaces the last one: otherwise a line that is too long could
// never be erased (n_tty_receive_buf_common).
//
// What is echoed meanwhile reaches the other side of a pair only afterwards: until
// then a signal character can still flush it.
func (t *TTY) receive() {
	if t.busy {
		return
	}
	taken := 0
	t.busy = true
	for taken < len(t.Arrived) {
		room := bufferSize - len(t.Input)
		if t.Iflag&unix.PARMRK != 0 {
			room = (room + 2) / 3
		}
		room--
		if room <= 0 {
			if t.Lflag&unix.ICANON == 0 || t.Canon != 0 {
				break
			}
			if room < 0 {
				t.Input = t.Input[:len(t.Input)-1]
			}
			room = 1
		}
		n := min(room, len(t.Arrived)-taken)
		t.receiveBytes(t.Arrived[taken : taken+n])
		taken += n
	}
	t.busy = false
	if taken == 0 {
		return
	}
	t.Arrived = append(t.Arrived[:0], t.Arrived[taken:]...)
	t.LastInput = t.m.v.Now()
	if t.peer != nil {
		t.peer.receive()
		t.m.wake(t.peer, outputEvents)
	}
}

// receiveBytes takes bytes that fit.
func (t *TTY) receiveBytes(p []byte) {
	preserved := t.Iflag&unix.ISTRIP != 0 || t.Iflag&unix.IUCLC != 0 && t.Lflag&unix.IEXTEN != 0
	if t.raw || t.Lflag&extProc != 0 && !preserved {
		t.Input = append(t.Input, p...)
	} else {
		for _, c := range p {
			if t.Iflag&unix.ISTRIP != 0 {
				c &= 0x7f
			}
			if t.Iflag&unix.IUCLC != 0 && t.Lflag&unix.IEXTEN != 0 {
				c = lower(c)
			}
			switch {
			case t.Lflag&extProc != 0:
				t.Input = append(t.Input, c)
			case t.Literal:
				t.Literal = false
				t.receiveOrdinary(c)
			case t.special[c]:
				t.receiveSpecial(c)
			default:
				t.receiveOrdinary(c)
			}
		}
		t.flushEchoes()
	}
	if t.canonical() {
		return
	}
	t.Committed = uint32(len(t.Input))
	if t.Committed > 0 {
		t.m.wake(t, inputEvents)
	}
}

// queue adds one byte to the input. PARMRK doubles \377, which marks errors.
func (t *TTY) queue(c byte) {
	if c == 0xff && t.Iflag&unix.PARMRK != 0 {
		t.Input = append(t.Input, c)
	}
	t.Input = append(t.Input, c)
}

// restartAny lets any character resume output that ^S stopped (IXANY).
func (t *TTY) restartAny() {
	if t.Stopped && !t.Held && t.Iflag&(unix.IXON|unix.IXANY) == unix.IXON|unix.IXANY {
		t.start()
		t.processEchoes()
	}
}

// receiveOrdinary takes a character that means only itself.
func (t *TTY) receiveOrdinary(c byte) {
	t.restartAny()
	if t.Lflag&unix.ECHO != 0 {
		t.finishErasing()
		t.echoTyped(c)
	}
	t.queue(c)
}

// echoTyped echoes a character of a line, noting where the line began.
func (t *TTY) echoTyped(c byte) {
	if int(t.Canon) == len(t.Input) {
		t.echoSetCanonColumn()
	}
	t.echo(c)
}

// receiveSpecial takes a character that may be special under the present settings.
func (t *TTY) receiveSpecial(c byte) {
	if t.Iflag&unix.IXON != 0 {
		switch c {
		case t.Cc[unix.VSTART]:
			t.start()
			t.processEchoes()
			return
		case t.Cc[unix.VSTOP]:
			t.stop()
			return
		}
	}
	if t.Lflag&unix.ISIG != 0 {
		switch c {
		case t.Cc[unix.VINTR]:
			t.receiveSignal(unix.SIGINT, c)
			return
		case t.Cc[unix.VQUIT]:
			t.receiveSignal(unix.SIGQUIT, c)
			return
		case t.Cc[unix.VSUSP]:
			t.receiveSignal(unix.SIGTSTP, c)
			return
		}
	}
	t.restartAny()
	switch {
	case c == '\r' && t.Iflag&unix.IGNCR != 0:
		return
	case c == '\r' && t.Iflag&unix.ICRNL != 0:
		c = '\n'
	case c == '\n' && t.Iflag&unix.INLCR != 0:
		c = '\r'
	}
	if t.Lflag&unix.ICANON != 0 && t.edit(c) {
		return
	}
	if t.Lflag&unix.ECHO != 0 {
		t.finishErasing()
		if c == '\n' {
			t.echoRaw(c)
		} else {
			t.echoTyped(c)
		}
	}
	t.queue(c)
}

// receiveSignal: a character that sends a signal to the foreground process group. Unless
// NOFLSH is set, everything in both directions is thrown away first.
func (t *TTY) receiveSignal(sig unix.Signal, c byte) {
	t.signal(sig)
	if t.Lflag&unix.NOFLSH == 0 {
		t.Echoes = t.Echoes[:0]
		t.flushOutput()
		t.resetInput()
		if t.peer != nil {
			t.reportFlush(unix.TIOCPKT_FLUSHREAD)
		}
	}
	if t.Iflag&unix.IXON != 0 {
		t.start()
	}
	if t.Lflag&unix.ECHO != 0 {
		t.echo(c)
	} else {
		t.processEchoes()
	}
}

// signal sends a signal to the foreground process group.
func (t *TTY) signal(sig unix.Signal) {
	if t.Group > 0 {
		t.m.jobs.SignalGroup(t.Group, sig)
	}
}

// resetInput forgets the edited input (reset_buffer_flags).
func (t *TTY) resetInput() {
	t.Input, t.Marks = t.Input[:0], t.Marks[:0]
	t.Canon, t.Committed = 0, 0
	t.Erasing, t.Push, t.Literal = false, false, false
}

// edit is canonical mode. It reports whether it dealt with the character.
func (t *TTY) edit(c byte) bool {
	extended := t.Lflag&unix.IEXTEN != 0
	echo := t.Lflag&unix.ECHO != 0
	switch {
	case c == t.Cc[unix.VERASE], c == t.Cc[unix.VKILL], c == t.Cc[unix.VWERASE] && extended:
		t.erase(c)
	case c == t.Cc[unix.VLNEXT] && extended:
		t.Literal = true
		if echo {
			t.finishErasing()
			if t.Lflag&unix.ECHOCTL != 0 {
				t.echoRaw('^')
				t.echoRaw('\b')
			}
		}
	case c == t.Cc[unix.VREPRINT] && echo && extended:
		t.finishErasing()
		t.echo(c)
		t.echoRaw('\n')
		for _, typed := range t.Input[t.Canon:] {
			t.echo(typed)
		}
	case c == '\n':
		if t.Lflag&(unix.ECHO|unix.ECHONL) != 0 {
			t.echoRaw('\n')
		}
		t.endLine(c)
	case c == t.Cc[unix.VEOF]:
		t.endLine(disabled)
	case c == t.Cc[unix.VEOL], c == t.Cc[unix.VEOL2] && extended:
		if echo {
			t.echoTyped(c)
		}
		if c == 0xff && t.Iflag&unix.PARMRK != 0 {
			t.Input = append(t.Input, c)
		}
		t.endLine(c)
	default:
		return false
	}
	return true
}

// endLine adds the byte that ends a line and hands the line to readers.
func (t *TTY) endLine(c byte) {
	t.Marks = append(t.Marks, uint32(len(t.Input)))
	t.Input = append(t.Input, c)
	t.Canon = uint32(len(t.Input))
	t.m.wake(t, inputEvents)
}

// consume removes n bytes from the front of the input.
func (t *TTY) consume(n int) {
	t.Input = append(t.Input[:0], t.Input[n:]...)
	k := 0
	for k < len(t.Marks) && t.Marks[k] < uint32(n) {
		k++
	}
	t.Marks = append(t.Marks[:0], t.Marks[k:]...)
	for i := range t.Marks {
		t.Marks[i] -= uint32(n)
	}
	t.Canon -= min(t.Canon, uint32(n))
	t.Committed -= min(t.Committed, uint32(n))
}
