// Turns runs threads that hand a token round through pipes, with raw system calls, so that what each thread
// asks of the system, and in which order, does not depend on how threads are scheduled.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

const (
	threads = 4
	rounds  = 3
)

// The first thread takes no turn.
func init() {
	runtime.LockOSThread()
}

func main() {
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(threads + 1)
	var ring [threads][2]int
	for i := range ring {
		if err := syscall.Pipe(ring[i][:]); err != nil {
			fail("pipe", err)
		}
	}
	var wg sync.WaitGroup
	for i := range threads {
		wg.Go(func() {
			// The thread ends with the goroutine.
			runtime.LockOSThread()
			name(fmt.Sprintf("turn-%d", i))
			take(i, ring[i][0], ring[(i+1)%threads][1])
		})
	}
	token := []byte{0}
	if _, err := syscall.Write(ring[0][1], token); err != nil {
		fail("write", err)
	}
	wg.Wait()
	fmt.Println("the token came home")
}

// take waits for the token, does a few calls and passes it on, some rounds long.
func take(me, in, out int) {
	var token [1]byte
	for round := range rounds {
		raw(syscall.SYS_READ, uintptr(in), uintptr(unsafe.Pointer(&token[0])), 1)
		raw(syscall.SYS_GETPPID, 0, 0, 0)
		path := []byte("/nonexistent/" + strings.Repeat("x", me) + "\x00")
		raw(syscall.SYS_ACCESS, uintptr(unsafe.Pointer(&path[0])), uintptr(round), 0)
		raw(syscall.SYS_LSEEK, uintptr(in), 0, 0)
		var wait syscall.WaitStatus
		raw(syscall.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&wait)), syscall.WNOHANG)
		token[0]++
		if me != threads-1 || round != rounds-1 {
			raw(syscall.SYS_WRITE, uintptr(out), uintptr(unsafe.Pointer(&token[0])), 1)
		}
	}
}

// name names the calling thread, as /proc and tracers show it.
func name(s string) {
	b := append([]byte(s), 0)
	raw(syscall.SYS_PRCTL, 15, uintptr(unsafe.Pointer(&b[0])), 0)
}

// raw calls the system behind the scheduler's back.
func raw(call, a, b, c uintptr) {
	syscall.RawSyscall(call, a, b, c)
}

func fail(what string, err error) {
	fmt.Fprintln(os.Stderr, what, err)
	os.Exit(1)
}
