package faults

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Each calls f for 0 to n-1 on as many goroutines as there are processors.
func Each(n int, all *sync.WaitGroup, f func(i int)) {
	var next atomic.Int64
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
}
