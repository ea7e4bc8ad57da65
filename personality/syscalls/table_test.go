package syscalls

import (
	"strings"
	"testing"

	"starling/personality/task"
)

// The table says of each call what there is: a handler where it claims support, and a
// reason where something is missing.
func TestTable(t *testing.T) {
	for i, r := range Rows {
		if i > 0 && Rows[i-1].Number >= r.Number {
			t.Errorf("%s is out of order", r.Name)
		}
		if r.Number < 0 || r.Number >= task.TableSize {
			t.Errorf("%s: number %d does not fit the table", r.Name, r.Number)
		}
		if (r.Handler == nil) != (r.Support == None) {
			t.Errorf("%s: support %v and handler do not fit", r.Name, r.Support)
		}
		if (r.Support == Partial || r.Support == Refused) && r.Note == "" {
			t.Errorf("%s: %v without a note", r.Name, r.Support)
		}
		if strings.ContainsAny(r.Name+r.Note, "|\n") {
			t.Errorf("%s: text that breaks the table", r.Name)
		}
	}
}

func TestNames(t *testing.T) {
	for n, want := range map[int32]string{0: "read", 39: "getpid", 59: "execve", 435: "clone3", 500: "syscall_500", -1: "syscall_-1"} {
		if got := Name(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestTwoHandlersForOneNumber(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a number that two lists have is accepted")
		}
	}()
	assemble(nil, []Row{{Number: 1, Name: "a"}}, []Row{{Number: 1, Name: "b"}})
}
