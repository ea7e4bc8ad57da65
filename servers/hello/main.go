// Command hello is the smallest server: what one needs to see that kernel,
// runtime port and transport fit together. Booted in place of root, it looks at
// its info page, uses goroutines and the heap, makes an endpoint, is notified,
// waits for a timer, and ends the machine with status 0 if all held.
package main

import (
	"fmt"
	"os"
	"runtime"

	"starling/ipc"
	"starling/ipc/machine"
)

func main() {
	t, info, err := machine.Start()
	if err != nil {
		panic(err)
	}
	code := 0
	for _, c := range []struct {
		name string
		run  func(*machine.Transport, *ipc.ServerInfo) error
	}{
		{"memory and goroutines", memory},
		{"endpoint, notification, timer", events},
		{"the clock and the transport agree", clock},
		{"wrong calls get errors", refusals},
	} {
		if err := c.run(t, info); err != nil {
			fmt.Printf("FAIL %s: %v\n", c.name, err)
			code = 1
			continue
		}
		fmt.Println("ok  ", c.name)
	}
	for _, g := range info.All() {
		fmt.Printf("grant %d: %s kind %d base %#x size %#x\n", g.Handle, g.Text(), g.Kind, g.Base, g.Size)
	}
	fmt.Println("hello from ring 3:", runtime.Version(), os.Args)
	g, ok := info.Grant("machine")
	if !ok {
		panic("hello: no capability for the machine: boot it in place of root")
	}
	if err := t.Shutdown(g.Handle, code); err != nil {
		panic(err)
	}
}

func memory(*machine.Transport, *ipc.ServerInfo) error {
	sum, c := 0, make(chan int)
	for i := range 50 {
		go func() { c <- len(make([]byte, 1000*i)) }()
	}
	for range 50 {
		sum += <-c
	}
	if sum != 1000*50*49/2 {
		return fmt.Errorf("sum %d", sum)
	}
	before := machine.HeapLive()
	runtime.GC()
	if after := machine.HeapLive(); after == 0 || after > before {
		return fmt.Errorf("%d bytes live before a collection, %d after", before, after)
	}
	return nil
}

func events(t *machine.Transport, _ *ipc.ServerInfo) error {
	e, err := t.EndpointCreate()
	if err != nil {
		return fmt.Errorf("making an endpoint: %w", err)
	}
	if err := t.Notify(e, 0b101); err != nil {
		return fmt.Errorf("notifying it: %w", err)
	}
	var ev ipc.Event
	if err := t.Wait(e, &ev); err != nil || ev.Kind != ipc.EventNotify || ev.Bits != 0b101 {
		return fmt.Errorf("want a notification, got %+v, %w", ev, err)
	}
	deadline := ev.Time + 3e6
	if err := t.TimerSet(e, deadline); err != nil {
		return fmt.Errorf("TimerSet: %w", err)
	}
	if err := t.Wait(e, &ev); err != nil || ev.Kind != ipc.EventTimer || ev.Time < deadline || ev.Bits != 0 {
		return fmt.Errorf("want a timer event at %d, got %+v, %w", deadline, ev, err)
	}
	return t.CapDelete(e)
}

func clock(t *machine.Transport, _ *ipc.ServerInfo) error {
	a := t.Now()
	for range 1000 {
		b := t.Now()
		if b < a {
			return fmt.Errorf("time ran backwards from %d to %d", a, b)
		}
		a = b
	}
	return nil
}

func refusals(t *machine.Transport, _ *ipc.ServerInfo) error {
	var ev ipc.Event
	if err := t.Wait(4000, &ev); err != ipc.ErrCapability {
		return fmt.Errorf("waiting at an empty slot: %v", err)
	}
	if err := t.Notify(0, 1); err != ipc.ErrCapability {
		return fmt.Errorf("notifying slot 0: %v", err)
	}
	// The error of a reply comes with the next call.
	if err := t.Reply(ipc.Reply{Token: ipc.Token{Thread: 1 << 30}}); err != nil {
		return fmt.Errorf("a reply that is held back: %v", err)
	}
	if err := t.Notify(0, 1); err != ipc.ErrCapability {
		return fmt.Errorf("after a stale reply: %v", err)
	}
	return nil
}
