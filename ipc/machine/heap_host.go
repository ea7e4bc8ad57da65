//go:build !starling_server

package machine

import "runtime/metrics"

// HeapLive is the number of bytes of Go heap in use. On the host, where this
// package is only vetted and tested, it asks the stock runtime.
func HeapLive() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// TakeSpare finds nothing to set apart on the host.
func TakeSpare(uintptr) (addr, n uintptr) { return 0, 0 }

// PutSpare is never called there.
func PutSpare(uintptr, uintptr, bool) {}
