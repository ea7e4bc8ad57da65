//go:build starling_server

package machine

import "runtime"

// HeapLive is the number of bytes of Go heap in use, so that an event loop can
// choose when to call runtime.GC. It costs one load.
func HeapLive() uint64 { return runtime.BareHeapLive() }
