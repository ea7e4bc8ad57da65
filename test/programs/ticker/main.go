// Ticker checks that tickers tick in order and neither early nor in a burst.
package main

import (
	"fmt"
	"time"
)

func main() {
	const period = 10 * time.Millisecond
	start := time.Now()
	t := time.NewTicker(period)
	for i := range 10 {
		at := <-t.C
		if d := at.Sub(start); d < time.Duration(i+1)*period {
			fmt.Println("tick", i, "early:", d)
		}
	}
	t.Stop()
	slow := time.NewTicker(4 * period)
	fast := time.NewTicker(period)
	order := ""
	for len(order) < 10 {
		select {
		case <-slow.C:
			order += "s"
		case <-fast.C:
			order += "f"
		}
	}
	fmt.Println(len(order), order[0] == 'f')
	<-time.After(20 * time.Millisecond)
	fmt.Println("after")
	a := time.AfterFunc(time.Hour, func() { fmt.Println("never") })
	fmt.Println(a.Stop(), time.Since(start) > 100*time.Millisecond)
}
