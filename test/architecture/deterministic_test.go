package architecture

import (
	"go/ast"
	"strings"
	"testing"
)

// deterministic are the rooms whose packages are state machines: input and output
// are messages, nothing else. Their main programs only carry messages.
var deterministic = []string{"pager", "personality"}

// forbidden are packages through which something else would come in, or that only
// several goroutines need.
var forbidden = map[string]string{
	"time":        "the time is that of the message",
	"os":          "there is no operating system below",
	"os/signal":   "there is no operating system below",
	"net":         "there is no operating system below",
	"syscall":     "there is no operating system below; numbers come from x/sys/unix",
	"crypto/rand": "randomness comes as a seed",
	"math/rand":   "randomness comes as a seed",
	"sync":        "nothing is shared",
	"sync/atomic": "nothing is shared",
	"context":     "nothing waits on a stack",
	"runtime":     "nothing depends on the Go runtime's own choices",
}

func TestServersAreStateMachines(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !in(s.dir, deterministic...) || strings.Contains(s.path, "/cmd/") || s.file.Name.Name == "main" {
			continue
		}
		for _, path := range s.imports() {
			if why, bad := forbidden[path]; bad {
				t.Errorf("%s imports %s: %s", s.path, path, why)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s:%d starts a goroutine", s.path, s.line(n))
			case *ast.SelectStmt, *ast.ChanType, *ast.SendStmt:
				t.Errorf("%s:%d uses a channel", s.path, s.line(n))
			case *ast.CallExpr:
				// math/rand/v2 is fine with a source of one's own, its global functions are not.
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok {
					if x, ok := sel.X.(*ast.Ident); ok && x.Name == "rand" && !strings.HasPrefix(sel.Sel.Name, "New") {
						t.Errorf("%s:%d draws from the global random source", s.path, s.line(n))
					}
				}
			}
			return true
		})
	}
}
