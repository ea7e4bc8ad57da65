//go:build starling_server

package machine

import "runtime"

// HeapLive is the number of bytes of Go heap in use, so that an event loop can
// choose when to call runtime.GC. It costs one load.
func HeapLive() uint64 { return runtime.BareHeapLive() }

// TakeSpare sets apart pages of the Go heap that nothing lies in: the first ones at or above the address after. n is in bytes,
// 0 if there are none. Until PutSpare nothing is allocated there.
func TakeSpare(after uintptr) (addr, n uintptr) { return runtime.BareTakeSpare(after) }

// PutSpare puts pages of TakeSpare back. gone: the pager has taken them, so that touching them brings zeros.
func PutSpare(addr, n uintptr, gone bool) { runtime.BarePutSpare(addr, n, gone) }
