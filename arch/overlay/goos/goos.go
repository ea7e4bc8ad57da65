// Package goos is the package of hooks that tamago expects under the name
// runtime/goos. The variables exist so that tamago's packages link; the
// runtime's overlay does not call them, it has seams of its own.
package goos

import "unsafe"

// RamStart, RamSize and RamStackOffset describe memory to tamago's start-up
// code, which is not used.
//
//go:linkname RamStart
//go:linkname RamSize
//go:linkname RamStackOffset
var RamStart, RamSize, RamStackOffset uint

// Bloc is where tamago's allocator would begin.
var Bloc uintptr

// Hooks of tamago's scheduler port.
var (
	Exit   func(code int32)
	Idle   func(until int64)
	ProcID func() uint64
	Task   func(sp, mp, gp, fn unsafe.Pointer)
	Wake   func(procid uint64)
)
