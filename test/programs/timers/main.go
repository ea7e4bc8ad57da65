// Timers keeps threads and timers busy and says at the end what came of it, which is
// the same however slow the machine is: nothing fires early, nothing is lost.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func main() {
	rounds := 40
	if len(os.Args) > 1 {
		rounds, _ = strconv.Atoi(os.Args[1])
	}
	const threads = 4
	var all sync.WaitGroup
	fired := make(chan int)
	early := make(chan string, threads*rounds)
	for i := range threads {
		all.Go(func() {
			runtime.LockOSThread()
			for n := range rounds {
				d := time.Duration(1+(i+n)%5) * time.Millisecond
				start := time.Now()
				switch n % 3 {
				case 0:
					time.Sleep(d)
				case 1:
					<-time.After(d)
				case 2:
					done := make(chan bool)
					time.AfterFunc(d, func() { close(done) })
					<-done
				}
				if took := time.Since(start); took < d {
					early <- fmt.Sprintf("thread %d, round %d: %v instead of %v", i, n, took, d)
				}
				fired <- (i + 1) * (n + 1)
			}
		})
	}
	go func() {
		all.Wait()
		close(fired)
	}()
	count, sum := 0, 0
	for v := range fired {
		count, sum = count+1, sum+v
	}
	close(early)
	for text := range early {
		fmt.Println(text)
	}
	fmt.Println(count, sum)
}
