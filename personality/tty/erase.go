package tty

import "golang.org/x/sys/unix"

// continues reports whether c is a byte of a UTF-8 character other than its first.
func (t *TTY) continues(c byte) bool {
	return t.Iflag&unix.IUTF8 != 0 && c&0xc0 == 0x80
}

// erase is VERASE, VWERASE and VKILL: take characters off the line being typed and
// off the screen.
func (t *TTY) erase(key byte) {
	if int(t.Canon) == len(t.Input) {
		return
	}
	echo := t.Lflag&unix.ECHO != 0
	one := key == t.Cc[unix.VERASE]
	word := !one && key == t.Cc[unix.VWERASE]
	if !one && !word {
		if !echo {
			t.Input = t.Input[:t.Canon]
			return
		}
		const visual = unix.ECHOK | unix.ECHOKE | unix.ECHOE
		if t.Lflag&visual != visual {
			t.Input = t.Input[:t.Canon]
			t.finishErasing()
			t.echo(t.Cc[unix.VKILL])
			if t.Lflag&unix.ECHOK != 0 {
				t.echoRaw('\n')
			}
			return
		}
	}
	seen := false
	for len(t.Input) > int(t.Canon) {
		head := len(t.Input) - 1
		for head > int(t.Canon) && t.continues(t.Input[head]) {
			head--
		}
		c := t.Input[head]
		if t.continues(c) {
			break // never a part of a character
		}
		if word {
			if alphanumeric(c) || c == '_' {
				seen = true
			} else if seen {
				break
			}
		}
		rest := t.Input[head+1:]
		t.Input = t.Input[:head]
		if echo {
			t.echoErased(c, rest, one)
		}
		if one {
			break
		}
	}
	if int(t.Canon) == len(t.Input) && echo {
		t.finishErasing()
	}
}

// echoErased shows that the character c, whose further bytes are rest, is gone from
// the end of the input.
func (t *TTY) echoErased(c byte, rest []byte, one bool) {
	switch {
	case t.Lflag&unix.ECHOPRT != 0:
		if !t.Erasing {
			t.echoRaw('\\')
			t.Erasing = true
		}
		t.echo(c)
		for _, more := range rest {
			t.echoRaw(more)
			t.echoMoveBack()
		}
	case one && t.Lflag&unix.ECHOE == 0:
		t.echo(t.Cc[unix.VERASE])
	case c == '\t':
		t.echoEraseTab()
	default:
		if control(c) && t.Lflag&unix.ECHOCTL != 0 {
			t.echoRub()
		}
		if !control(c) || t.Lflag&unix.ECHOCTL != 0 {
			t.echoRub()
		}
	}
}

// echoRub wipes out the character before the cursor.
func (t *TTY) echoRub() {
	t.echoRaw('\b')
	t.echoRaw(' ')
	t.echoRaw('\b')
}

// echoEraseTab goes back over an erased tab: how far depends on the columns used
// since the tab before it, or since the start of the line.
func (t *TTY) echoEraseTab() {
	columns, afterTab := 0, false
	for i := len(t.Input) - 1; i >= int(t.Canon); i-- {
		c := t.Input[i]
		if c == '\t' {
			afterTab = true
			break
		}
		if control(c) {
			if t.Lflag&unix.ECHOCTL != 0 {
				columns += 2
			}
		} else if !t.continues(c) {
			columns++
		}
	}
	t.echoTab(columns, afterTab)
}

// finishErasing ends the \.../ of ECHOPRT.
func (t *TTY) finishErasing() {
	if t.Erasing {
		t.echoRaw('/')
		t.Erasing = false
	}
}

// Character classes as Linux has them: Latin-1 (lib/ctype.c).

func control(c byte) bool { return c < 32 || c == 127 }

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || upperCase(c) || lowerCase(c)
}

func upperCase(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 0xc0 && c <= 0xde && c != 0xd7
}

func lowerCase(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 0xdf && c != 0xf7
}

func lower(c byte) byte {
	if upperCase(c) {
		return c + 32
	}
	return c
}

func upper(c byte) byte {
	if lowerCase(c) {
		return c - 32
	}
	return c
}
