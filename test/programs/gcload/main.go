// Gcload keeps the garbage collector busy from several goroutines and checks what survives.
package main

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"
)

type node struct {
	left, right *node
	data        []byte
}

func tree(depth, seed int) *node {
	n := &node{data: make([]byte, seed%97+1)}
	for i := range n.data {
		n.data[i] = byte(seed + i)
	}
	if depth > 0 {
		n.left = tree(depth-1, seed*2+1)
		n.right = tree(depth-1, seed*2+2)
	}
	return n
}

func (n *node) sum(h interface{ Write([]byte) (int, error) }) {
	if n == nil {
		return
	}
	n.left.sum(h)
	h.Write(n.data)
	n.right.sum(h)
}

func main() {
	var wg sync.WaitGroup
	results := make([]string, 4)
	for i := range results {
		wg.Go(func() {
			keep := tree(12, i)
			for k := range 6 {
				tree(11, k)
			}
			h := sha256.New()
			keep.sum(h)
			results[i] = fmt.Sprintf("%x", h.Sum(nil)[:8])
		})
	}
	wg.Wait()
	runtime.GC()
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	fmt.Println(results, ms.NumGC > 0)
}
