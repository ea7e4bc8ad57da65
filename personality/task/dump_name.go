package task

import (
	"path"
	"strconv"
	"strings"
)

// coreNameSize is how long the pattern may be, with its NUL (CORENAME_MAX_SIZE).
const coreNameSize = 128

// SetCorePattern sets how core files are named. False: to pipe the core into a program is
// not supported.
func (k *Core) SetCorePattern(pattern string) bool {
	if strings.HasPrefix(pattern, "|") {
		return false
	}
	k.CorePattern.Pattern = pattern[:min(len(pattern), coreNameSize-1)]
	return true
}

// coreName is the name of the core file of t's process: the pattern of core(5), "Naming of
// core dump files".
func (k *Core) coreName(t *Thread) string {
	p := t.Proc
	pattern := k.CorePattern.Pattern
	exe := t.Comm + " (path unknown)"
	base := exe
	if t.MM.Exe != nil {
		exe = k.VFS.AbsoluteName(t.MM.Exe.Path)
		base = path.Base(exe)
	}
	var b strings.Builder
	pid := false
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			b.WriteByte(pattern[i])
			continue
		}
		if i++; i == len(pattern) {
			break // a % at the end is dropped
		}
		switch pattern[i] {
		case '%':
			b.WriteByte('%')
		case 'p':
			pid = true
			number(&b, int64(p.Pid))
		case 'P':
			number(&b, int64(p.Pid)) // one namespace: the number is the same
		case 'i', 'I':
			number(&b, int64(t.Tid))
		case 'u':
			number(&b, int64(t.Cred.UID))
		case 'g':
			number(&b, int64(t.Cred.GID))
		case 'd':
			number(&b, int64(t.MM.Dumpable))
		case 's':
			number(&b, int64(p.DumpSignal.Signo))
		case 't':
			number(&b, k.WallNow()/1e9)
		case 'h':
			b.WriteString(component(k.Hostname))
		case 'e':
			b.WriteString(component(t.Comm))
		case 'f':
			b.WriteString(component(base))
		case 'E':
			b.WriteString(component(exe))
		case 'c':
			b.WriteString(strconv.FormatUint(p.Limits[rlimitCore].Cur, 10))
		case 'C':
			number(&b, 0) // one processor
		}
	}
	if !pid && k.CorePattern.UsesPID != 0 {
		b.WriteByte('.')
		number(&b, int64(p.Pid))
	}
	return b.String()
}

func number(b *strings.Builder, n int64) { b.WriteString(strconv.FormatInt(n, 10)) }

// component makes a text fit for one component of a path: never a directory, never empty, never
// "." or "..".
func component(s string) string {
	switch s {
	case "":
		return "!"
	case ".", "..":
		return "!" + s[1:]
	}
	return strings.ReplaceAll(s, "/", "!")
}
