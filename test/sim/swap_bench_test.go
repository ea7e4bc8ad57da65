package sim

import (
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
	"starling/personality"
	"starling/personality/state"
)

// BenchmarkSwap is what a swap with twenty processes costs each of the two instances.
func BenchmarkSwap(b *testing.B) {
	m := Boot(b, Options{})
	children := 0
	m.Program("/bin/init", func(p *kernel.Prog) {
		for range 19 {
			p.Fork(func(p *kernel.Prog) {
				children++
				p.Syscall(unix.SYS_PAUSE)
			})
		}
		p.Syscall(unix.SYS_PAUSE)
	})
	m.Start("/bin/init")
	m.Until("all children wait", func() bool { return children == 19 })
	p := m.Server.(*personality.Personality)
	c := state.Codec
	b.Run("export", func(b *testing.B) {
		for range b.N {
			s := p.Snapshot()
			c.Sum(s, c.Known())
			c.Encode(s)
		}
	})
	state := p.Export()
	b.Run("import", func(b *testing.B) {
		for range b.N {
			fresh, err := m.options.Personality(&m.parts, true)
			if err != nil {
				b.Fatal(err)
			}
			s, err := c.Decode(state)
			if err != nil {
				b.Fatal(err)
			}
			if err := fresh.(*personality.Personality).Restore(s); err != nil {
				b.Fatal(err)
			}
			c.Sum(fresh.(*personality.Personality).Snapshot(), c.Known())
		}
	})
	b.SetBytes(int64(len(state)))
}
