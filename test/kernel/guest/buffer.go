//go:build starling_server

package main

import (
	"unsafe"

	"starling/ipc/frame"
)

// frameInBuffer is the message buffer with a frame in it.
type frameInBuffer byte

func (b *frameInBuffer) regs() *frame.Registers { return &(*frame.Frame)(unsafe.Pointer(b)).Regs }
