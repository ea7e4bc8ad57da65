package recorded

import (
	"fmt"
	"strings"
)

// Interpreters are scripts that use what their language offers for text, files, processes and signals.
// Beside each stands what it prints on Linux.
var Interpreters = []struct{ Interpreter, Package, Script string }{
	{"perl", "perl-base", "session.pl"},
	{"lua5.4", "lua5.4", "session.lua"},
	{"dash", "dash", "session.dash"},
}

// InterpreterScript runs them one after the other.
func InterpreterScript() string {
	var script strings.Builder
	for _, s := range Interpreters {
		fmt.Fprintf(&script, "%s %s; echo status $?; echo %s\n", s.Interpreter, s.Script, Boundary)
	}
	return script.String()
}

// Interpreted cuts what InterpreterScript printed into the scripts.
func Interpreted(out string) ([]Text, error) {
	parts := strings.Split(out, Boundary+"\n")
	if len(parts) != len(Interpreters)+1 {
		return nil, fmt.Errorf("%d parts of %d: %q", len(parts), len(Interpreters)+1, out)
	}
	var list []Text
	for i, s := range Interpreters {
		list = append(list, Text{s.Interpreter, s.Script + ".want", parts[i]})
	}
	return list, nil
}
