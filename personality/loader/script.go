package loader

import "bytes"

// ScriptHead is how many bytes of a file may hold the #! line (BINPRM_BUF_SIZE).
const ScriptHead = 256

// Script reads the #! line of a script from the first bytes of a file (at most
// ScriptHead; fewer only if the file is shorter). ok is false when it is no script, or when
// the line names no interpreter or one that is cut off: execve(2) says ENOEXEC then.
// The rest of the line is one argument.
func Script(head []byte) (interpreter, argument string, ok bool) {
	if !bytes.HasPrefix(head, []byte("#!")) {
		return "", "", false
	}
	cut := len(head) >= ScriptHead
	line := head[2:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line, cut = line[:i], false
	}
	if i := bytes.IndexByte(line, 0); i >= 0 {
		line, cut = line[:i], false
	}
	line = bytes.TrimLeft(line, " \t")
	end := bytes.IndexAny(line, " \t")
	if end < 0 {
		if len(line) == 0 || cut {
			return "", "", false
		}
		return string(line), "", true
	}
	return string(line[:end]), string(bytes.Trim(line[end:], " \t")), end > 0
}
