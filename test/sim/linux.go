package sim

import (
	"starling/arch/isa"
	"starling/ipc/bootconfig"
	"starling/pager/client"
	"starling/pager/table"
	"starling/personality"
	"starling/personality/vdso"
)

// wallTime is CLOCK_REALTIME at boot: 2001-09-09, in ns since 1970.
const wallTime = 1_000_000_000 * 1_000_000_000

// Linux starts the Linux personality.
func Linux(p *Parts, fresh bool) (Server, error) {
	pager, err := client.New(p.Transport, p.Pager, table.NewWindow(p.Window, 0, p.Memory))
	if err != nil {
		return nil, err
	}
	boot := bootconfig.Config{Args: p.Args, Env: p.Options.Env, Dir: p.Options.Cwd,
		Seed: p.Options.Seed, WallTime: wallTime, Rows: 24, Columns: 80}
	if len(p.Args) > 0 {
		boot.Program = p.Args[0]
	}
	if p.Options.Terminal {
		boot.Flags |= bootconfig.Terminal
	}
	l, err := personality.New(personality.Config{
		Endpoint: p.Self, PagerWire: p.Pager, ConsoleWire: p.Console, RootWire: p.Root,
		Frames: p.Frames, FrameBase: p.FrameBase, FrameSlots: p.FrameSlots,
		RootFS: p.RootFS, RootOffset: p.RootOffset,
		// x87, SSE and AVX, as the simulated processor has them.
		CPU:   isa.CPU{XFeatures: 7, XSize: 832, HWCap: 0x078bfbff, HWCap2: 2},
		Clock: vdso.Data{}, // no counter: every clock call traps
		Boot:  boot, Heap: p.Options.Heap, Observe: p.Options.Observe,
	}, p.Transport, pager)
	if err != nil || fresh {
		return l, err
	}
	return l, l.Start()
}
