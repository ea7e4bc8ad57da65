package envelope

import "testing"

// BenchmarkCall is what the envelope adds to a call: both ends, without the kernel.
func BenchmarkCall(b *testing.B) {
	w, s := &bench{}, &Sender{}
	for range b.N {
		if n, _, err := s.Call(w, w.buffer[:], 3, 72, 0); err != nil || n != 72 {
			b.Fatal(n, err)
		}
		w.executed = w.executed[:0]
	}
}
