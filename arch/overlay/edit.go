package overlay

import (
	"fmt"
	"strings"
)

// Edit is one exact-match replacement in a file of the standard library.
type Edit struct {
	File     string // below GOROOT/src
	Old, New string
	Count    int    // how often Old occurs
	Why      string // what the edit is for
}

// MismatchError says that a file of the installed Go is not what an edit expects.
type MismatchError struct {
	Edit  Edit
	Found int // occurrences of Edit.Old
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf(`overlay: %s does not match the edit "%s"
	looked for %q
	expected %d, found %d
The edits fit the Go version that go.mod pins. Use that version (GOTOOLCHAIN),
unmodified; to move to another, adapt the table in arch/overlay/table.go.`,
		e.Edit.File, e.Edit.Why, e.Edit.Old, e.Edit.Count, e.Found)
}

// apply makes the edits of one file in order.
func apply(text string, edits []Edit) (string, error) {
	for _, e := range edits {
		if n := strings.Count(text, e.Old); n != e.Count || e.Old == "" {
			return "", &MismatchError{e, n}
		}
		text = strings.ReplaceAll(text, e.Old, e.New)
	}
	return text, nil
}
