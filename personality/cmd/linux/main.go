// The Linux personality as a server on the machine: the loop around package personality.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"unsafe"

	"starling/arch/isa"
	"starling/ipc"
	"starling/ipc/bootconfig"
	"starling/ipc/machine"
	"starling/ipc/relay"
	"starling/ipc/rootfs"
	"starling/ipc/trace"
	"starling/pager/client"
	"starling/pager/table"
	"starling/personality"
	"starling/personality/instance"
	"starling/personality/state"
	"starling/personality/vdso"
)

func main() {
	// Collections happen between two messages, when the heap has grown: see collector.
	debug.SetGCPercent(-1)
	kernel, info, err := machine.Start()
	if err != nil {
		fail(err)
	}
	var p *personality.Personality
	t := trace.Wrap(relay.Wrap(kernel, info), info, os.Args, func(ev *ipc.Event) string {
		if p == nil {
			return ""
		}
		return p.Describe(ev)
	})
	cfg, err := configure(info)
	if err != nil {
		fail(err)
	}
	// The window shows whatever physical memory root let the pager map into it.
	window := table.NewWindow(unsafe.Add(nil, uintptr(ipc.WindowAddress)), 0, windowSize)
	pager, err := client.New(t, cfg.PagerWire, window)
	if err != nil {
		fail(fmt.Errorf("linux: pager: %w", err))
	}
	gc := &collector{pager: pager, space: client.Space(info.Space)}
	cfg.Heap = gc
	if p, err = personality.New(cfg, t, pager); err != nil {
		fail(fmt.Errorf("linux: %w", err))
	}
	gc.relieve = p.Relieve
	one, err := instance.Configure(t, info, pager, state.Codec)
	if err != nil {
		fail(fmt.Errorf("linux: %w", err))
	}
	one.Collect = gc.step
	fail(fmt.Errorf("linux: %w", instance.Run(one, p)))
}

// windowSize is the room between the window's base and the end of the low half's
// upper part: far more than there is memory.
const windowSize = 1 << 40

// fail ends the server; root sees it die and has the text in the log.
func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// configure finds what root granted (docs/contract.md) in the info page.
func configure(info *ipc.ServerInfo) (cfg personality.Config, err error) {
	for _, g := range []struct {
		name string
		to   *ipc.Handle
	}{{"self", &cfg.Endpoint}, {"pager", &cfg.PagerWire}, {"console", &cfg.ConsoleWire}, {"root", &cfg.RootWire}, {"frames", &cfg.Frames}} {
		grant, ok := info.Grant(g.name)
		if !ok {
			return cfg, fmt.Errorf("linux: no %q was granted", g.name)
		}
		*g.to = grant.Handle
	}
	frames, _ := info.Grant("frames")
	cfg.FrameBase = unsafe.Add(nil, uintptr(ipc.FramesAddress))
	cfg.FrameSlots = int(frames.Size / ipc.PageSize)

	config, ok := info.Grant(bootconfig.FileName)
	if !ok {
		return cfg, errors.New("linux: the boot image has no configuration")
	}
	if cfg.Boot, err = bootconfig.Decode(shown(config)); err != nil {
		return cfg, err
	}
	if cfg.Boot.WallTime == 0 {
		cfg.Boot.WallTime = int64(info.Wall)
	}
	if cfg.Boot.Seed == 0 {
		cfg.Boot.Seed = info.Seed[0]
	}
	if g, ok := info.Grant(rootfs.FileName); ok {
		image, ok := info.Grant("image")
		if !ok || g.Base < image.Base || g.Base+g.Size > image.Base+image.Size {
			return cfg, errors.New("linux: the root file system lies outside the boot image")
		}
		cfg.RootFS, cfg.RootOffset = shown(g), g.Base-image.Base
	}
	cfg.CPU = isa.Detect()
	cfg.Clock = vdso.Data{UseTSC: true, TSC0: info.TSC0, Mult: info.Mult}
	return cfg, nil
}

// shown is a file of the boot image as the window shows it.
func shown(g ipc.Grant) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(ipc.WindowAddress+g.Base))), g.Size)
}

// collector runs the garbage collector between two messages, when the heap has
// doubled since the last time, or when memory is short and it has grown by a part of what is left.
// It is the personality's task.Heap.
type collector struct {
	pager   *client.Client
	space   client.Space // the server's own
	relieve func()
	live    uint64 // what the last collection left, in bytes
}

// smallestHeap in bytes is left alone, and so is growth by leastGarbage; by shortGarbage when memory is short.
const (
	smallestHeap = 8 << 20
	leastGarbage = 256 << 10
	shortGarbage = 1 << 20
	// With less than shortMemory bytes left for servers, step is called after every stride, else after usualPause of them.
	shortMemory = 8 << 20
	usualPause  = 256 / instance.Stride
)

// Room implements task.Heap: what servers may have that is in none yet. What is free in the heap is not
// counted, it may lie in pieces.
func (c *collector) Room() uint64 { return c.pager.ServerMemory() * ipc.PageSize }

// Live implements task.Heap.
func (c *collector) Live() uint64 { return machine.HeapLive() }

// Collect implements task.Heap.
func (c *collector) Collect() {
	if machine.HeapLive() >= c.live+leastGarbage {
		c.collect()
	}
	c.giveBack()
}

func (c *collector) collect() {
	runtime.GC()
	c.live = machine.HeapLive()
}

// giveBack has the pager take all pages of the heap that nothing lies in: others may need them, or the heap in one piece.
func (c *collector) giveBack() {
	if c.space == 0 {
		return
	}
	for at := uintptr(0); ; {
		addr, n := machine.TakeSpare(at)
		if n == 0 {
			return
		}
		st := c.pager.Discard(c.space, uint64(addr), uint64(n)/ipc.PageSize)
		machine.PutSpare(addr, n, st == client.OK)
		at = addr + n
	}
}

func (c *collector) step() (pause int) {
	left := c.Room()
	short := left < shortMemory
	garbage := min(max(c.live, smallestHeap-min(smallestHeap, c.live)), left/2)
	if short {
		garbage = min(garbage, shortGarbage)
	}
	if machine.HeapLive() >= c.live+max(garbage, leastGarbage) {
		c.collect()
		if short {
			c.giveBack()
		}
	}
	if !short {
		return usualPause
	}
	c.relieve()
	return 1
}
