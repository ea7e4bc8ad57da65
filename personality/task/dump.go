package task

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/mm"
	"starling/personality/signal"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// Core files (core(5)). A signal whose default is to dump ends all threads of the process; each
// waits, with its registers in its frame, until all are there. Then the file is written at
// once, and they end.

// CorePattern is how core files are named (/proc/sys/kernel/core_pattern); UsesPID appends
// the process's number unless the pattern has it.
type CorePattern struct {
	Pattern string
	UsesPID int32
}

// endBySignal ends the process of t because of a signal, and has a core file written where the
// signal and the process want one. The caller makes t Exiting.
func (k *Core) endBySignal(t *Thread, i *signal.Info) {
	p := t.Proc
	if signal.DefaultOf(i.Signo) != signal.Dump || !k.dumps(t) {
		k.endProcess(p, i.Signo&0x7f, AttendNow)
		return
	}
	if !p.Exiting {
		p.Dumper, p.DumpSignal = t.Tid, i.Export()
	}
	k.endProcess(p, i.Signo&0x7f, 0) // the others come to rest first: their registers go into the file
}

// dumps reports whether the process of t may leave a core file.
func (k *Core) dumps(t *Thread) bool {
	p := t.Proc
	return p.Limits[rlimitCore].Cur >= isa.PageSize && p.Execing == 0 && t.MM != nil && t.MM.Dumpable == 1 &&
		(k.CorePattern.Pattern != "" || k.CorePattern.UsesPID != 0)
}

// waitsForDump holds a thread that ends until the core file is written; the one that completes
// the process writes it.
func (k *Core) waitsForDump(t *Thread) bool {
	p := t.Proc
	if p.Dumper == 0 {
		return false
	}
	var by *Thread
	for _, u := range p.threads {
		if u != t && u.Run != Dumping {
			t.become(Dumping)
			return true
		}
		if u.Tid == p.Dumper {
			by = u
		}
	}
	if by != nil && k.dump(by) {
		p.ExitCode |= coreFlag
	}
	p.Dumper, p.DumpSignal = 0, nil
	for _, u := range p.threads {
		if u != t {
			k.enqueue(u)
		}
	}
	return false
}

// privateMode is the mode of a core file: S_IRUSR and S_IWUSR. coreModes are the bits
// of an existing one that must be so.
const (
	privateMode = 0600
	coreModes   = 0677
)

// dump writes the core file. It reports whether there is one, be it cut short by a limit.
func (k *Core) dump(t *Thread) bool {
	c := k.FileContext(t)
	c.FileSizeLimit = Infinity
	how := vfs.OpenHow{Flags: unix.O_CREAT | unix.O_RDWR | unix.O_NOFOLLOW | unix.O_NONBLOCK, Mode: privateMode}
	f, e := c.Open(unix.AT_FDCWD, []byte(k.coreName(t)), &how)
	if e != 0 {
		return false
	}
	defer k.VFS.Put(f)
	in := f.Inode
	// What somebody prepared for us to write our memory to does not do.
	if !in.IsRegular() || in.Nlink != 1 || in.Uid != t.Cred.FSUID || in.Mode&coreModes != privateMode ||
		c.TruncateFile(f, 0) != 0 {
		return false
	}
	l := &t.Proc.Limits
	w := dumpWriter{c: c, f: f, left: min(l[rlimitCore].Cur, l[rlimitFSize].Cur), buffer: make([]byte, 0, dumpBuffer)}
	w.write(k.dumpHead(t))
	for r := range t.MM.Regions() {
		w.region(t.MM, r)
	}
	w.end()
	return true
}

// dumpBuffer is how much is written to the file at once.
const dumpBuffer = 1 << 16

// dumpWriter writes the file from front to back, holes included, until it fails or the limit is
// reached.
type dumpWriter struct {
	c      *vfs.Context
	f      *vfs.File
	buffer []byte
	at     int64  // where the buffer belongs
	left   uint64 // that may still be written
	failed bool
}

func (w *dumpWriter) write(b []byte) {
	for len(b) > 0 && !w.failed {
		n := min(len(b), cap(w.buffer)-len(w.buffer))
		w.buffer = append(w.buffer, b[:n]...)
		b = b[n:]
		if len(w.buffer) == cap(w.buffer) {
			w.flush()
		}
	}
}

func (w *dumpWriter) flush() {
	b := w.buffer
	w.buffer = w.buffer[:0]
	if uint64(len(b)) > w.left {
		b, w.failed = b[:w.left], true
	}
	w.left -= uint64(len(b))
	for len(b) > 0 {
		w.c.IO.InitBytes(b)
		n, e := w.f.Ops.Write(w.c, w.f, &w.c.IO, w.at)
		if e != 0 || n == 0 {
			w.failed = true
			return
		}
		b = b[n:]
		w.at += int64(n)
	}
}

// skip leaves a hole.
func (w *dumpWriter) skip(n uint64) {
	if n > 0 && !w.failed {
		w.flush()
		w.at += int64(n)
	}
}

// end makes the file as long as what was written and skipped.
func (w *dumpWriter) end() {
	w.flush()
	if !w.failed && w.f.Inode.Size < w.at {
		w.c.TruncateFile(w.f, w.at)
	}
}

// region writes what is dumped of a region: pages that were never touched are holes.
func (w *dumpWriter) region(s *mm.Space, r *mm.Region) {
	va, end := r.Start, r.Start+s.DumpSize(r)
	for va < end && !w.failed {
		next, ok := s.DumpNext(r, va)
		if !ok || next >= end {
			break
		}
		w.skip(next - va)
		va = next
		b, e := mm.Forced{S: s}.Span(va, isa.PageSize, ipc.Read)
		if e != 0 || len(b) != isa.PageSize {
			w.skip(isa.PageSize) // past the end of its file
		} else {
			w.write(b)
		}
		va += isa.PageSize
	}
	w.skip(end - va)
}

// arguments reads the beginning of the arguments with blanks between them.
func arguments(s *mm.Space, most uint64) string {
	b := make([]byte, min(s.ArgEnd-s.ArgStart, most))
	n, _ := usermem.CopyIn(mm.Forced{S: s}, b, s.ArgStart)
	for i := range b[:n] {
		if b[i] == 0 {
			b[i] = ' '
		}
	}
	return string(b[:n])
}
