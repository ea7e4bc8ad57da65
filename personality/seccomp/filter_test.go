package seccomp

import (
	"testing"

	"golang.org/x/sys/unix"
)

func ret(k uint32) []unix.SockFilter { return []unix.SockFilter{{Code: unix.BPF_RET, K: k}} }

// The action that comes first in seccomp(2)'s list wins, whichever filter it is in;
// of equal ones the newest filter's data counts.
func TestPrecedence(t *testing.T) {
	order := []uint32{KillProcess, KillThread, Trap, Errno, UserNotify, Trace, Log, Allow}
	for i, a := range order {
		for j, b := range order {
			old, _ := Add(1, ret(a|1), nil)
			f, _ := Add(2, ret(b|2), old)
			want := a | 1
			if j <= i {
				want = b | 2
			}
			if a == Allow && b == Allow {
				want = Allow
			}
			if got, _ := f.Evaluate(&Data{}); got != want {
				t.Errorf("%#x then %#x: %#x, want %#x", a, b, got, want)
			}
		}
	}
}

// Linux returns 0, which is KillThread, on a division by an X that is 0.
func TestDivisionByZeroKills(t *testing.T) {
	p := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_IMM, K: 8}, {Code: unix.BPF_ALU | unix.BPF_DIV | unix.BPF_X},
		{Code: unix.BPF_RET, K: Allow}}
	if got := run(p, &Data{}); !Check(p) || got != KillThread {
		t.Errorf("%#x", got)
	}
}

func TestUnknownActionKills(t *testing.T) {
	for _, k := range []uint32{0x12340000, 0x7ffe0000, 0x00010000, 0xffff0000} {
		if got := Action(k); got != KillProcess {
			t.Errorf("%#x is %#x", k, got)
		}
	}
}

func TestChainIsBounded(t *testing.T) {
	p := make([]unix.SockFilter, MaxInstructions)
	for i := range p {
		p[i] = unix.SockFilter{Code: unix.BPF_RET, K: Allow}
	}
	var f *Filter
	for n := uint64(1); ; n++ {
		g, e := Add(n, p, f)
		if e == unix.ENOMEM {
			break
		}
		if f = g; n > 8 {
			t.Fatal("no bound")
		}
	}
	if f.Count() != 7 { // 7*(4096+4)+4096 > 32768
		t.Errorf("%d filters of full length", f.Count())
	}
	if f.Nth(0).ID != 1 || f.Nth(6) != f || f.Nth(7) != nil {
		t.Error("Nth counts from the oldest")
	}
	if !f.Extends(f.Nth(3)) || f.Nth(3).Extends(f) || !f.Extends(nil) {
		t.Error("Extends")
	}
}

// State is as it was after export and import.
func TestStateComesBack(t *testing.T) {
	old, _ := Add(4, ret(Allow), nil)
	f, _ := Add(9, []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 60}, {Code: unix.BPF_JMP | unix.BPF_JEQ, Jf: 1, K: 0xdeadbeef},
		{Code: unix.BPF_RET, K: Trap | 7}, {Code: unix.BPF_RET | unix.BPF_A}}, old)
	f.Log = true
	g := Import(f.Export(), old)
	if g == nil || g.ID != 9 || !g.Log || g.Previous != old || len(g.Program) != 4 || g.Program[1] != f.Program[1] {
		t.Errorf("%+v", g)
	}
	bad := f.Export()
	bad.Program[0] |= 1 << 32 // not aligned
	if Import(bad, old) != nil {
		t.Error("a program that does not pass the check came back")
	}
}

func FuzzCheckedProgramsEnd(f *testing.F) {
	f.Add([]byte{0x20, 0, 0, 0, 4, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p []unix.SockFilter
		for ; len(b) >= 8; b = b[8:] {
			p = append(p, unix.SockFilter{Code: uint16(b[0]) | uint16(b[1])<<8, Jt: b[2], Jf: b[3],
				K: uint32(b[4]) | uint32(b[5])<<8 | uint32(b[6])<<16 | uint32(b[7])<<24})
		}
		if Check(p) {
			run(p, &Data{1, 2, 3, 4, 5})
		}
	})
}
