package sim

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	kernel "starling/ipc/sim"
)

// What files and pipes contain does not go over with the state: it stays where it is, in
// memory objects, and the state grows by a few bytes for each of them. Afterwards
// it reads as it was written.
func TestContentsStayWhereTheyAreInASwap(t *testing.T) {
	const (
		chunk  = 32 << 10
		chunks = 128 // of the file: 4 MB
		piped  = 60 << 10
	)
	pattern := func(n int) []byte {
		b := make([]byte, chunk)
		for i := range b {
			b[i] = byte(i*7 + i>>8 + n)
		}
		return b
	}
	empty, full := false, false
	m := Boot(t, Options{})
	m.Program("/bin/init", func(p *kernel.Prog) {
		file := uint64(ok(p, "open", open(p, "/file", unix.O_RDWR|unix.O_CREAT, 0o600)))
		r, w := pipe(p, 0)
		at := p.Alloc(chunk)
		p.Set(at, pattern(0))
		p.Syscall(unix.SYS_GETPID)
		empty = true
		for n := range chunks {
			p.Set(at, pattern(n))
			want(p, "write", p.Syscall(unix.SYS_WRITE, file, at, chunk), chunk)
		}
		for done := uint64(0); done < piped; done += piped / 2 {
			p.Set(at, pattern(int(done)))
			want(p, "write to the pipe", p.Syscall(unix.SYS_WRITE, w, at, piped/2), piped/2)
		}
		full = true
		p.Syscall(unix.SYS_GETPID)
		got := make([]byte, chunk)
		for n := range chunks {
			want(p, "read", p.Syscall(unix.SYS_PREAD64, file, at, chunk, uint64(n*chunk)), chunk)
			p.Get(at, got)
			check(p, "the file has other contents", bytes.Equal(got, pattern(n)))
		}
		for done := uint64(0); done < piped; done += piped / 2 {
			want(p, "read from the pipe", p.Syscall(unix.SYS_READ, r, at, piped/2), piped/2)
			p.Get(at, got[:piped/2])
			check(p, "the pipe has other contents", bytes.Equal(got[:piped/2], pattern(int(done))[:piped/2]))
		}
	})
	m.Start("/bin/init")
	m.Until("file and pipe are there", func() bool { return empty })
	before := len(m.Server.Export())
	m.Until("both are full", func() bool { return full })
	after := len(m.Server.Export())
	if after > before+256 {
		t.Errorf("a state of %d bytes has %d with %d bytes in a file and a pipe", before, after, chunk*chunks+piped)
	}
	m.swap(0)
	m.Finish()
	m.Expect(Exited(0), "")
}
