package bench

import (
	"errors"
	"io"
)

// NewRow is a row with nothing measured.
func NewRow(c Case) Row {
	return Row{Case: c.Name, What: c.What, Target: c.Target, TargetSwitches: c.Switches}
}

// fatal tells a guest that is gone from a case that failed, which is a result.
func fatal(err error) bool {
	return errors.Is(err, ErrSilent) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe)
}

// keep notes why a case has no number; it returns an error when there is no
// point in trying the next.
func keep(failed *string, err error) error {
	switch {
	case err == nil:
		return nil
	case fatal(err):
		return err
	}
	*failed = err.Error()
	return nil
}

// Count measures Starling's instructions and address-space switches.
func (r *Row) Count(g *Guest, c Case, switches func() (uint64, error)) error {
	v, err := g.Count(c, switches)
	r.Instructions, r.Switches = v.Instructions, v.Switches
	return keep(&r.Failed, err)
}

// Time measures Starling's time.
func (r *Row) Time(g *Guest, c Case) (err error) {
	if r.Failed != "" {
		return nil
	}
	r.Nanoseconds, err = g.Time(c)
	return keep(&r.Failed, err)
}

// CountLinux measures Linux's instructions.
func (r *Row) CountLinux(g *Guest, c Case) error {
	v, err := g.Count(c, nil)
	r.LinuxInstructions = v.Instructions
	return keep(&r.LinuxFailed, err)
}

// TimeLinux measures Linux's time.
func (r *Row) TimeLinux(g *Guest, c Case) (err error) {
	if r.LinuxFailed != "" {
		return nil
	}
	r.LinuxNanoseconds, err = g.Time(c)
	return keep(&r.LinuxFailed, err)
}

// Judge compares every row with its target.
func (r *Report) Judge() {
	for i := range r.Rows {
		r.Rows[i].judge()
	}
}
