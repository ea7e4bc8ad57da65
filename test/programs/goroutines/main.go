// Goroutines runs a thousand goroutines on several threads, with channels, mutexes, timers and preemption.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	runtime.GOMAXPROCS(4)
	var wg sync.WaitGroup
	var sum atomic.Int64
	ring := make([]chan int, 1000)
	for i := range ring {
		ring[i] = make(chan int)
	}
	for i := range ring {
		wg.Go(func() {
			v := <-ring[i]
			sum.Add(int64(v))
			if i+1 < len(ring) {
				ring[i+1] <- v + 1
			}
		})
	}
	ring[0] <- 1
	wg.Wait()
	fmt.Println("ring:", sum.Load())

	// A goroutine that never calls anything must be preempted by a signal.
	stop := make(chan bool)
	var spins atomic.Bool
	spins.Store(true)
	for range 4 {
		go func() {
			for spins.Load() {
			}
		}()
	}
	go func() {
		time.Sleep(30 * time.Millisecond)
		stop <- true
	}()
	<-stop
	spins.Store(false)
	fmt.Println("preempted")

	var mu sync.Mutex
	counts := map[int]int{}
	for i := range 1000 {
		wg.Go(func() {
			for range 10 {
				mu.Lock()
				counts[i%10]++
				mu.Unlock()
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	fmt.Println("counts:", counts)
	// Blocked system calls take threads of their own.
	for range 50 {
		wg.Go(func() {
			runtime.LockOSThread()
			time.Sleep(time.Millisecond)
		})
	}
	wg.Wait()
	fmt.Println("threads done")
}
