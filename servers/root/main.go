// Command root is the first server: the kernel starts it and gives it
// everything. What it does is in package supervisor.
package main

import (
	"errors"
	"unsafe"

	"starling/ipc"
	"starling/ipc/machine"
	"starling/pager/table"
	"starling/servers/root/supervisor"
)

// windowBytes bounds the physical memory that root can look at, at ipc.WindowAddress.
const windowBytes = 1 << 45

func main() {
	t, info, err := machine.Start()
	if err != nil {
		panic(err)
	}
	window := table.NewWindow(unsafe.Add(nil, uintptr(ipc.WindowAddress)), 0, windowBytes)
	root, err := supervisor.New(t, info, window)
	if err == nil {
		err = root.Start()
	}
	if root == nil {
		panic(err) // nobody to tell but the kernel
	}
	var goOn bool
	if err == nil {
		goOn = root.Proceed()
	} else {
		goOn = root.Fail(err)
	}
	var ev ipc.Event
	for goOn {
		switch err := t.Wait(root.Endpoint(), &ev); {
		case err == nil:
			goOn = root.Handle(&ev)
		case errors.Is(err, ipc.ErrStale), errors.Is(err, ipc.ErrGone):
			// The caller whose answer was held back has died.
		default:
			goOn = root.Fail(err)
		}
	}
}
