package faults

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// each calls f for 0 to n-1 on as many goroutines as there are processors.
func each(n int, all *sync.WaitGroup, f func(i int)) {
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
