// Command ring0 is a Go program for the kernel profile that exercises the
// runtime port alone, without the microkernel: goroutines, channels, timers,
// maps, forced and paced garbage collection. It prints one line per check and
// ends the machine with status 0 if all held.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

var checks = []struct {
	name string
	run  func() error
}{
	{"goroutines and channels", goroutines},
	{"timers fire in order, and none too early", timers},
	{"garbage is collected within the heap's bounds", garbage},
	{"half of the memory can be held", hold},
	{"panics are recovered", recovered},
	{"there are no files", noFiles},
}

func main() {
	fmt.Println("ring0:", runtime.Version(), runtime.GOARCH, os.Args)
	failed := 0
	for _, c := range checks {
		start := time.Now()
		err := c.run()
		took := time.Since(start).Round(time.Microsecond)
		if err != nil {
			fmt.Printf("FAIL %s: %v (%v)\n", c.name, err, took)
			failed++
			continue
		}
		fmt.Printf("ok   %s (%v)\n", c.name, took)
	}
	os.Exit(failed)
}

func goroutines() error {
	const n = 100
	var wg sync.WaitGroup
	c := make(chan int)
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c <- i
		}()
	}
	go func() { wg.Wait(); close(c) }()
	sum := 0
	for v := range c {
		sum += v
	}
	if sum != n*(n-1)/2 {
		return fmt.Errorf("sum %d", sum)
	}
	return nil
}

// timers sleeps in several goroutines, which wake in order and not early. A turn in which the
// machine itself stood still says nothing of the order, so another is taken.
func timers() error {
	const step = 20 * time.Millisecond // of a clock that nobody has calibrated
	for range 50 {
		type wake struct {
			turn int
			took time.Duration
		}
		woken := make(chan wake)
		start := time.Now()
		for i := 4; i >= 1; i-- {
			go func() {
				time.Sleep(time.Duration(i) * step)
				woken <- wake{i, time.Since(start)}
			}()
		}
		stood, inOrder := false, true
		for want := 1; want <= 4; want++ {
			w := <-woken
			due := time.Duration(w.turn) * step
			if w.took < due {
				return fmt.Errorf("%v took %v", due, w.took)
			}
			stood = stood || w.took > due+step/2
			inOrder = inOrder && w.turn == want
		}
		switch {
		case stood:
		case inOrder:
			return nil
		default:
			return fmt.Errorf("woken on time, but not in order")
		}
	}
	return fmt.Errorf("never woken within %v of the time", step/2)
}

func garbage() error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	keep := map[int][]byte{}
	for i := range 4000 {
		b := make([]byte, 10000)
		for j := range b {
			if b[j] != 0 {
				return fmt.Errorf("fresh memory is not zero")
			}
			b[j] = 0xff
		}
		keep[i%20] = b
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.NumGC-before.NumGC < 2 {
		return fmt.Errorf("%d collections", after.NumGC-before.NumGC)
	}
	fmt.Printf("     %d collections, heap %d KiB, metadata %d KiB\n", after.NumGC-before.NumGC, after.HeapSys>>10, (after.Sys-after.HeapSys-after.StackSys)>>10)
	if after.HeapSys > uint64(debug.SetMemoryLimit(-1)) {
		return fmt.Errorf("the heap grew to %d KiB", after.HeapSys>>10)
	}
	return nil
}

// hold keeps half of what the boot table gave to the heap, in as many arenas as
// that takes, while garbage is made beside it.
func hold() error {
	const metadata, piece = 1 << 20, 64 << 10
	n := int(debug.SetMemoryLimit(-1)-metadata) / 2 / piece
	held := make([][]byte, n)
	for i := range held {
		held[i] = make([]byte, piece)
		held[i][i%piece] = byte(i)
		runtime.KeepAlive(make([]byte, piece))
	}
	runtime.GC()
	for i := range held {
		if held[i][i%piece] != byte(i) {
			return fmt.Errorf("piece %d of %d changed", i, n)
		}
	}
	return nil
}

func recovered() (err error) {
	defer func() {
		if recover() == nil {
			err = fmt.Errorf("no panic")
		}
	}()
	var m map[int]int
	//lint:ignore SA5000 the panic is what is tried
	m[1] = 1
	return nil
}

func noFiles() error {
	if _, err := os.Open("/etc/passwd"); !os.IsNotExist(err) {
		return fmt.Errorf("open: %v", err)
	}
	return nil
}
