// Command console is the console server: it drives the serial lines, with
// interrupts, in user space. What it does is in package driver.
package main

import (
	"errors"
	"fmt"
	"os"

	"starling/ipc"
	"starling/ipc/machine"
	"starling/ipc/supervise"
	"starling/ipc/trace"
	"starling/servers/console/driver"
)

func main() {
	kernel, info, err := machine.Start()
	if err != nil {
		panic(err)
	}
	t := trace.Wrap(kernel, info, os.Args, nil)
	s, err := driver.New(t, info)
	if err != nil {
		panic(err)
	}
	if err := supervise.NotifyReady(t, info); err != nil {
		panic(err)
	}
	var ev ipc.Event
	for {
		switch err := t.Wait(s.Endpoint(), &ev); {
		case err == nil:
			s.Handle(&ev)
		case errors.Is(err, ipc.ErrStale), errors.Is(err, ipc.ErrGone):
			// The client whose answer was held back has died.
		default:
			panic(fmt.Sprintf("console: waiting: %v", err))
		}
	}
}
