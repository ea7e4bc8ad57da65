//go:build starling_kernel

// Command kernel is the microkernel as the boot image starts it. It is built with the
// runtime overlay of the kernel profile (package arch/overlay).
package main

import (
	"runtime"
	"runtime/debug"

	"starling/arch/cpu"
	"starling/microkernel"
)

func main() {
	microkernel.Run(microkernel.Runtime{
		Unused: func() cpu.Region {
			start, end := runtime.BareSeal()
			return cpu.Region{Start: start, Size: end - start}
		},
		SetClock: runtime.BareSetClock,
		Settle: func() {
			debug.SetGCPercent(-1) // nothing is allocated from here on
			growStack(0)
		},
		Allocations: allocations,
	})
}

// growStack makes the stack of this goroutine as big as it will ever need to be.
//
//go:noinline
func growStack(i int) byte {
	var room [32 << 10]byte
	return room[i]
}

var statistics runtime.MemStats

func allocations() uint64 {
	runtime.ReadMemStats(&statistics)
	return statistics.Mallocs
}
