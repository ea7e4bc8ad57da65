package bench

import (
	"errors"
	"fmt"

	"starling/ipc/control"
)

// Swaps are the cases in which the Linux server is swapped: what is measured is the
// pause, and the guest only has something to run meanwhile.
var Swaps = []Case{
	{Name: "swap", What: "pause of a swap, 20 processes", Target: swapTarget},
	{Name: "swap_next", What: "the same, to a build of another version", Target: swapTarget},
	{Name: "swap_files", What: "the same, with 50 MB in files and a full pipe", Target: swapTarget},
}

// swapTarget is what the project allows a swap in instructions.
const swapTarget = 10e6

// load is what runs while a server is swapped.
type load struct {
	with   string // build to swap to
	before string // script; all that it starts waits by its end
	after  string
}

// With the shell that reads the lines these are twenty processes. The sleep lets all of
// them come to rest.
const (
	twenty = "mkfifo /tmp/f; i=0; while [ $i -lt 19 ]; do i=$((i+1)); cat /tmp/f & done; sleep 1"
	none   = "echo >/tmp/f; wait; rm /tmp/f"
)

var loads = map[string]load{
	"swap":      {"linux", twenty, none},
	"swap_next": {"linux-next", twenty, none},
	"swap_files": {"linux", "dd if=/dev/zero of=/tmp/big bs=1M count=50 2>/dev/null; mkfifo /tmp/p; exec 3<>/tmp/p; dd if=/dev/zero bs=64k count=1 2>/dev/null >&3; " + twenty,
		none + "; exec 3>&-; rm /tmp/p /tmp/big"},
}

// Swap reports whether a case is a swap and to which build.
func (c *Case) Swap() (with string, ok bool) {
	l, ok := loads[c.Name]
	return l.with, ok
}

// Pause measures the pause of a swap, which swap does.
func (g *Guest) Pause(c Case, swap func(build string) (*control.Swapped, error)) (ns float64, err error) {
	l := loads[c.Name]
	if err := g.Do(l.before); err != nil {
		return 0, err
	}
	s, err := swap(l.with)
	if err == nil {
		err = g.Do(l.after)
	}
	// The next case finds what this one found.
	if err == nil && s.Error == "" && s.From != l.with {
		_, err = swap(s.From)
	}
	if err == nil && s.Error != "" {
		err = errors.New("fail: " + s.Error)
	}
	if err != nil {
		return 0, err
	}
	return float64(s.Pause), nil
}

// Do runs a line of shell script in the guest.
func (g *Guest) Do(script string) error {
	if _, err := fmt.Fprintln(g.in, wordScript+script); err != nil {
		return err
	}
	for {
		if l, err := g.line(); err != nil || l == wordDone+" 0" {
			return err
		} else if len(l) >= len(wordDone) && l[:len(wordDone)] == wordDone {
			return fmt.Errorf("fail: %q ends with %s", script, l[len(wordDone):])
		}
	}
}

// Pause measures a swap, in instructions or ns.
func (r *Row) Pause(g *Guest, c Case, counting bool, swap func(build string) (*control.Swapped, error)) error {
	to := &r.Nanoseconds
	if counting {
		to = &r.Instructions
	}
	if r.Failed != "" {
		return nil
	}
	v, err := g.Pause(c, swap)
	*to = v
	return keep(&r.Failed, err)
}
