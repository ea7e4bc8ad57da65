package seccomp

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// onThread runs f on a thread of its own, which is thrown away: filters stay for good.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		f()
	}()
	<-done
}

func install(p []unix.SockFilter) unix.Errno {
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	return e
}

func needHost(t *testing.T) {
	e := unix.ENOSYS
	onThread(func() {
		unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		e = install([]unix.SockFilter{{Code: unix.BPF_RET, K: Allow}})
	})
	if e != 0 {
		t.Skipf("the host refuses filters: %v", e)
	}
}

var someCodes = func() (c []uint16) {
	for code, k := range classes {
		if k != refused {
			c = append(c, uint16(code))
		}
	}
	return c
}()

// random makes an instruction that often passes the check.
func random(r *rand.Rand, ahead int) unix.SockFilter {
	i := unix.SockFilter{Code: someCodes[r.IntN(len(someCodes))], K: uint32(r.IntN(70))}
	if ahead > 0 {
		i.Jt, i.Jf = byte(r.IntN(ahead+1)), byte(r.IntN(ahead+1))
	}
	switch r.IntN(20) {
	case 0:
		i.Code = uint16(r.IntN(300))
	case 1:
		i.K = r.Uint32()
	case 2, 3, 4, 5, 6:
		i.K = uint32(r.IntN(16) * 4)
	}
	return i
}

// Linux and Check accept the same programs.
func TestCheckAgreesWithLinux(t *testing.T) {
	needHost(t)
	r := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	onThread(func() {
		unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		for range 3000 {
			n := r.IntN(6)
			p := []unix.SockFilter{{Code: unix.BPF_RET, K: Allow}} // what follows is checked and never run
			for i := range n {
				p = append(p, random(r, n-i))
			}
			if r.IntN(10) > 0 {
				p = append(p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_A})
			}
			e, ours := install(p), Check(p)
			if ours {
				accepted++
			}
			if (e == 0) != ours || e != 0 && e != unix.EINVAL {
				t.Errorf("Linux: %v, Check: %v for %+v", e, ours, p)
				return
			}
		}
	})
	if accepted < 200 {
		t.Errorf("only %d programs were accepted: the test says little", accepted)
	}
}

// bogus is a call that does not exist.
const bogus = 0x3ff

// Linux and run compute the same.
func TestRunAgreesWithLinux(t *testing.T) {
	needHost(t)
	r := rand.New(rand.NewPCG(3, 4))
	tried := 0
	for range 8 {
		onThread(func() {
			unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
			for range 60 {
				p := compute4(r)
				if !Check(p) {
					continue
				}
				if e := install(p); e != 0 {
					t.Errorf("Linux refuses: %v %+v", e, p)
					return
				}
				var args [6]uint64
				for i := range args {
					args[i] = r.Uint64() >> r.IntN(64)
				}
				_, _, e := unix.RawSyscall6(bogus, uintptr(args[0]), uintptr(args[1]), uintptr(args[2]), uintptr(args[3]), uintptr(args[4]), uintptr(args[5]))
				var d Data
				d.Describe(bogus, 0xc000003e, 0, &args)
				f := &Filter{Program: p}
				got, _ := f.Evaluate(&d)
				if got&ActionMask != Errno || uint32(e) != got&DataMask {
					t.Errorf("Linux: %d, run: %#x for %+v %x", int(e), got, p, args)
					return
				}
				tried++
			}
		})
	}
	if tried < 100 {
		t.Errorf("only %d programs ran", tried)
	}
}

// compute4 is a program that lets all calls through but the bogus one, for which it
// computes an errno of 12 bits from the arguments.
func compute4(r *rand.Rand) []unix.SockFilter {
	p := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ, K: bogus, Jt: 1},
		{Code: unix.BPF_RET, K: Allow},
		{Code: unix.BPF_ST, K: 0}, {Code: unix.BPF_STX, K: 1},
	}
	n := 4 + r.IntN(10)
	for i := range n {
		q := random(r, n-i)
		switch classes[byte(q.Code)] {
		case dataWord:
			q.K = uint32(16 + 4*r.IntN(12))
		case memoryGet, memoryPut:
			q.K &= 1
		case jump:
			q.K = uint32(r.IntN(n - i))
		case branch:
			q.Jt, q.Jf = byte(r.IntN(n-i)), byte(r.IntN(n-i))
			if q.Code&unix.BPF_X == 0 && r.IntN(2) == 0 {
				q.K = r.Uint32()
			}
		case end:
			q = unix.SockFilter{Code: unix.BPF_MISC | unix.BPF_TAX}
		}
		if q.Code == unix.BPF_ALU|unix.BPF_DIV|unix.BPF_X {
			q.Code = unix.BPF_ALU | unix.BPF_DIV | unix.BPF_K // X may be 0, and the thread killed
			q.K = max(q.K, 1)
		}
		p = append(p, q)
	}
	return append(p, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND, K: 0x7ff},
		unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_OR, K: Errno | 1},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_A})
}
