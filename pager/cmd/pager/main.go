// The pager as a server on the machine: the loop around package pager.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"unsafe"

	"starling/ipc"
	"starling/ipc/machine"
	"starling/ipc/relay"
	"starling/ipc/supervise"
	"starling/ipc/trace"
	"starling/pager"
	"starling/pager/table"
)

func main() {
	// Nothing is allocated once it runs; a collection would only cost time.
	debug.SetGCPercent(-1)
	kernel, info, err := machine.Start()
	if err != nil {
		fail(err)
	}
	t := trace.Wrap(relay.Wrap(kernel, info), info, os.Args, nil)
	cfg, endpoint, err := configure(info)
	if err != nil {
		fail(err)
	}
	p, err := pager.New(cfg, t)
	if err != nil {
		fail(err)
	}
	if err := supervise.NotifyReady(t, info); err != nil {
		fail(err)
	}
	if err := serve(t, endpoint, p); err != nil {
		fail(err)
	}
}

// fail ends the server; root sees it die and has the text in the log.
func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// configure finds what root granted (docs/contract.md) in the info page.
func configure(info *ipc.ServerInfo) (cfg pager.Config, endpoint ipc.Handle, err error) {
	self, ok := info.Grant("self")
	if !ok {
		return cfg, 0, errors.New("pager: no endpoint was granted")
	}
	space, ok := info.Grant("space")
	if !ok {
		return cfg, 0, errors.New("pager: its own space was not granted")
	}
	low, high := ^uint64(0), uint64(0)
	show := func(g ipc.Grant) {
		low, high = min(low, g.Base), max(high, g.Base+g.Size)
	}
	for i := 0; ; i++ {
		g, ok := info.Grant(fmt.Sprintf("memory%d", i))
		if !ok {
			break
		}
		cfg.Memory = append(cfg.Memory, g.Handle)
		show(g)
	}
	if len(cfg.Memory) == 0 {
		return cfg, 0, errors.New("pager: no memory was granted")
	}
	if g, ok := info.Grant("image"); ok && g.Handle != 0 {
		cfg.Image = g.Handle
		show(g)
	}
	low &^= table.PageSize - 1
	high = (high + table.PageSize - 1) &^ (table.PageSize - 1)
	cfg.Own = space.Handle
	cfg.Admin = supervise.Badge
	cfg.WindowAddress = ipc.WindowAddress
	cfg.Window = table.NewWindow(unsafe.Add(nil, uintptr(ipc.WindowAddress+low)), low, high-low)
	return cfg, self.Handle, nil
}

// serve handles one event after the other. An error of Wait is that of the reply
// before it, whose thread or client is gone, unless it does not go away.
func serve(t ipc.Transport, endpoint ipc.Handle, p *pager.Pager) error {
	var ev ipc.Event
	var failed error
	for {
		if err := t.Wait(endpoint, &ev); err != nil {
			if failed != nil {
				return fmt.Errorf("pager: wait: %w", err)
			}
			failed = err
			continue
		}
		failed = nil
		p.Handle(&ev)
	}
}
