// Command lab is the fault injector on a wire: root puts it between the two ends, which do not know. What it does is
// in package inject.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"starling/ipc"
	"starling/ipc/fault"
	"starling/ipc/frame"
	"starling/ipc/lab"
	"starling/ipc/machine"
	"starling/ipc/relay"
	"starling/servers/lab/inject"
)

func main() {
	t, info, err := machine.Start()
	if err != nil {
		panic(err)
	}
	c, err := configure(info, os.Args[1:])
	if err != nil {
		panic(err)
	}
	l := inject.New(t, c)
	var ev ipc.Event
	for {
		switch err := t.Wait(c.Self, &ev); {
		case err == nil:
			l.Handle(&ev)
		case errors.Is(err, ipc.ErrStale), errors.Is(err, ipc.ErrGone):
			// Whose answer was held back has died.
		default:
			panic(fmt.Sprintf("lab: waiting: %v", err))
		}
	}
}

// configure finds what root granted. The arguments are the ends of the wire, how many threads are spared, and, on a wire
// from programs, what the memory of their frames is called.
func configure(info *ipc.ServerInfo, args []string) (c inject.Config, err error) {
	if len(args) < 3 {
		return c, errors.New("lab: want the ends of a wire and a number")
	}
	c.From, c.To = args[0], args[1]
	if c.Spare, err = strconv.Atoi(args[2]); err != nil {
		return c, fmt.Errorf("lab: %w", err)
	}
	for _, g := range []struct {
		name string
		to   *ipc.Handle
	}{{"self", &c.Self}, {lab.TargetWire, &c.Target}, {lab.OrderWire, &c.Root}} {
		grant, ok := info.Grant(g.name)
		if !ok {
			return c, fmt.Errorf("lab: no %q was granted", g.name)
		}
		*g.to = grant.Handle
	}
	c.Report = lab.Here()
	if c.From == fault.Programs {
		c.Area = relay.Here()
	}
	for _, g := range info.All() {
		if g.Kind == ipc.GrantMemory && len(args) > 3 && g.Text() == args[3] {
			c.Frames = unsafe.Slice((*frame.Frame)(unsafe.Add(nil, uintptr(ipc.FramesAddress))), g.Size/ipc.PageSize)
		}
	}
	if g, ok := info.Grant(lab.PlanFile); ok {
		text := unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(ipc.WindowAddress+g.Base))), g.Size)
		if c.Plan, err = fault.ParsePlan(bytes.NewReader(text)); err != nil {
			return c, fmt.Errorf("lab: %s: %w", lab.PlanFile, err)
		}
	}
	return c, nil
}
