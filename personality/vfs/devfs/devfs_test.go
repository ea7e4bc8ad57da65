package devfs_test

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/ipc/console"
	"starling/personality/state"
	"starling/personality/tty"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/content/memory"
	"starling/personality/vfs/devfs"
	"starling/personality/vfs/tmpfs"
	"starling/personality/wait"
)

// machine is a file layer with /dev, and a program's memory for ioctls.
type machine struct {
	id      uint64
	now     int64
	v       *vfs.VFS
	m       *tty.Manager
	pts     *devfs.Pts
	signals []string
	ram     ram
	wire    *wire
	who     *thread
}

type ram [256]byte

func (r *ram) Span(va uint64, n int, _ ipc.Access) ([]byte, unix.Errno) {
	if va >= uint64(len(r)) {
		return nil, unix.EFAULT
	}
	return r[va:min(va+uint64(n), uint64(len(r)))], 0
}

// wire is a console server.
type wire struct {
	out   []byte
	in    []byte
	space int
	state console.State
}

func (w *wire) Write(_ console.Channel, p []byte) (int, console.State, error) {
	n := min(len(p), w.space)
	w.out = append(w.out, p[:n]...)
	w.space -= n
	return n, w.state, nil
}

func (w *wire) Read(_ console.Channel, p []byte) (int, console.State, error) {
	n := copy(p, w.in)
	w.in = w.in[n:]
	s := w.state
	s.Available = len(w.in)
	return n, s, nil
}

func (w *wire) Status(console.Channel) (console.State, error) {
	s := w.state
	s.Available, s.Space = len(w.in), w.space
	return s, nil
}

// thread is a program's thread that leads a session of its own.
type thread struct {
	pid      int32
	terminal uint64
}

func (t *thread) ProcessID() int32            { return t.pid }
func (t *thread) GroupID() int32              { return t.pid }
func (t *thread) SessionID() int32            { return t.pid }
func (t *thread) Terminal() uint64            { return t.terminal }
func (t *thread) SetTerminal(id uint64)       { t.terminal = id }
func (t *thread) Disregards(unix.Signal) bool { return false }

func (m *machine) Now() int64          { return m.now }
func (m *machine) WallNow() int64      { return m.now }
func (m *machine) NewID() uint64       { m.id++; return m.id }
func (m *machine) RoomFor(uint64) bool { return true }

func (m *machine) SignalGroup(_ int32, s unix.Signal) {
	m.signals = append(m.signals, "group "+unix.SignalName(s))
}
func (m *machine) SignalProcess(_ int32, s unix.Signal) {
	m.signals = append(m.signals, "process "+unix.SignalName(s))
}
func (m *machine) GroupOrphaned(int32) bool           { return false }
func (m *machine) GroupSession(g int32) (int32, bool) { return g, true }
func (m *machine) DropTerminal(s int32) {
	if m.who.pid == s {
		m.who.terminal = 0
	}
}

// Fill is not random, but it can be told from zeroes.
func (m *machine) Fill(p []byte) {
	for i := range p {
		p[i] = byte(i) | 1
	}
}

// bare makes everything that is registered, without files.
func bare(w *wire) (*machine, *tmpfs.Type) {
	m := &machine{wire: w, who: &thread{pid: 7}}
	m.v = vfs.New(m, wait.NewTable())
	t := tmpfs.New(m.v, memory.New(), "tmpfs")
	m.m = tty.New(m.v, m, w)
	m.pts = devfs.NewPts(m.v, m.m)
	devfs.Register(m.v, m)
	return m, t
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m, fs := bare(&wire{space: 1 << 20})
	m.v.MountRoot(fs.NewRoot(), 0, "root")
	if e := devfs.Mount(m.v, fs.NewSuper(0755, ""), fs.NewSuper(01777, ""), m.pts); e != 0 {
		t.Fatal(e)
	}
	return m
}

func (m *machine) context() *vfs.Context {
	c := m.v.System()
	c.Mem, c.Task = &m.ram, m.who
	return c
}

func (m *machine) open(t *testing.T, path string, flags uint32) *vfs.File {
	t.Helper()
	f, e := m.context().Open(unix.AT_FDCWD, []byte(path), &vfs.OpenHow{Flags: flags})
	if e != 0 {
		t.Fatalf("open %s: %v", path, e)
	}
	return f
}

func (m *machine) refused(t *testing.T, path string, flags uint32, want unix.Errno) {
	t.Helper()
	f, e := m.context().Open(unix.AT_FDCWD, []byte(path), &vfs.OpenHow{Flags: flags})
	if e == 0 {
		m.v.Put(f)
	}
	if e != want {
		t.Errorf("open %s: %v, want %v", path, e, want)
	}
}

func (m *machine) read(f *vfs.File, n int) (string, unix.Errno) {
	b := make([]byte, n)
	var io usermem.IO
	io.InitBytes(b)
	k, e := m.context().Read(f, &io)
	return string(b[:k]), e
}

func (m *machine) write(f *vfs.File, s string) (int, unix.Errno) {
	var io usermem.IO
	io.InitBytes([]byte(s))
	return m.context().Write(f, &io)
}

func (m *machine) ioctl(t *testing.T, f *vfs.File, cmd uint32, arg uint64) {
	t.Helper()
	if _, e := f.Ops.Ioctl(m.context(), f, cmd, arg); e != 0 {
		t.Fatalf("ioctl %#x: %v", cmd, e)
	}
}

func expect(t *testing.T, what, got string, e unix.Errno, want string, wantErr unix.Errno) {
	t.Helper()
	if got != want || e != wantErr {
		t.Errorf("%s: %q %v, want %q %v", what, got, e, want, wantErr)
	}
}

func TestMemoryDevices(t *testing.T) {
	m := newMachine(t)
	null := m.open(t, "/dev/null", unix.O_RDWR)
	if n, e := m.write(null, "gone"); n != 4 || e != 0 {
		t.Errorf("write to null: %d %v", n, e)
	}
	s, e := m.read(null, 10)
	expect(t, "null", s, e, "", 0)
	s, e = m.read(m.open(t, "/dev/zero", unix.O_RDONLY), 3)
	expect(t, "zero", s, e, "\x00\x00\x00", 0)
	full := m.open(t, "/dev/full", unix.O_RDWR)
	if _, e := m.write(full, "x"); e != unix.ENOSPC {
		t.Errorf("write to full: %v", e)
	}
	s, e = m.read(m.open(t, "/dev/urandom", unix.O_RDONLY), 4)
	expect(t, "urandom", s, e, "\x01\x01\x03\x03", 0)
}

func TestPair(t *testing.T) {
	m := newMachine(t)
	m.refused(t, "/dev/tty", unix.O_RDWR, unix.ENXIO)
	master := m.open(t, "/dev/ptmx", unix.O_RDWR)
	m.refused(t, "/dev/pts/0", unix.O_RDWR, unix.EIO) // locked
	m.ioctl(t, master, unix.TIOCSPTLCK, 0)            // memory at 0 is 0
	second := m.open(t, "/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY)
	m.ioctl(t, second, unix.TIOCGPTN, 8)
	if n, _ := usermem.Read32(&m.ram, 8); n != 1 {
		t.Errorf("the second pair has number %d", n)
	}
	m.v.Put(second)
	m.refused(t, "/dev/pts/1", unix.O_RDWR, unix.ENOENT)

	slave := m.open(t, "/dev/pts/0", unix.O_RDWR)
	if m.who.terminal == 0 {
		t.Error("a session leader that opens a terminal does not get it")
	}
	m.v.Put(m.open(t, "/dev/tty", unix.O_RDWR))
	m.write(master, "ls\r")
	s, e := m.read(slave, 100)
	expect(t, "slave", s, e, "ls\n", 0)
	m.write(slave, "a\n")
	s, e = m.read(master, 100)
	expect(t, "master", s, e, "ls\r\na\r\n", 0)
	m.write(master, "\x03")
	if len(m.signals) != 1 || m.signals[0] != "group SIGINT" {
		t.Errorf("signals %v", m.signals)
	}

	m.signals = nil
	m.v.Put(master)
	s, e = m.read(slave, 1)
	expect(t, "slave after hangup", s, e, "", 0)
	if _, e := m.write(slave, "x"); e != unix.EIO {
		t.Errorf("write after hangup: %v", e)
	}
	if len(m.signals) != 2 || m.signals[0] != "process SIGHUP" || m.signals[1] != "process SIGCONT" || m.who.terminal != 0 {
		t.Errorf("hangup: signals %v, terminal %d", m.signals, m.who.terminal)
	}
	m.refused(t, "/dev/pts/0", unix.O_RDWR, unix.ENOENT)
	m.v.Put(slave)
	if n := len(m.m.Export().Ttys); n != 0 {
		t.Errorf("%d terminals are left", n)
	}
}

func TestMasterSeesClose(t *testing.T) {
	m := newMachine(t)
	master := m.open(t, "/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY)
	m.ioctl(t, master, unix.TIOCSPTLCK, 0)
	s, e := m.read(master, 1)
	expect(t, "master before the slave", s, e, "", unix.EAGAIN)
	slave := m.open(t, "/dev/pts/0", unix.O_RDWR|unix.O_NOCTTY)
	m.write(slave, "bye")
	m.v.Put(slave)
	s, e = m.read(master, 10)
	expect(t, "rest", s, e, "bye", 0)
	s, e = m.read(master, 10)
	expect(t, "after the slave", s, e, "", unix.EIO)
	if ev := master.Ready(wait.In); ev != wait.Hup {
		t.Errorf("ready %#x", ev)
	}
	slave = m.open(t, "/dev/pts/0", unix.O_RDWR|unix.O_NOCTTY)
	_, e = m.read(master, 10)
	if e != unix.EAGAIN {
		t.Errorf("after the slave came back: %v", e)
	}
	m.v.Put(slave)
}

func TestPacketMode(t *testing.T) {
	m := newMachine(t)
	master := m.open(t, "/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY)
	m.ioctl(t, master, unix.TIOCSPTLCK, 0)
	slave := m.open(t, "/dev/pts/0", unix.O_RDWR|unix.O_NOCTTY)
	usermem.Write32(&m.ram, 4, 1)
	m.ioctl(t, master, unix.TIOCPKT, 4)
	m.write(slave, "data")
	s, e := m.read(master, 10)
	expect(t, "data", s, e, "\x00data", 0)
	m.ioctl(t, slave, unix.TCFLSH, unix.TCIFLUSH)
	if ev := master.Ready(wait.In | wait.Pri); ev&wait.Pri == 0 {
		t.Errorf("ready %#x", ev)
	}
	s, e = m.read(master, 10)
	expect(t, "status", s, e, string(rune(unix.TIOCPKT_FLUSHREAD)), 0)
}

func TestConsole(t *testing.T) {
	m := newMachine(t)
	m.refused(t, "/dev/ttyS0", unix.O_RDWR, unix.ENXIO)
	m.m.OpenConsole(24, 80)
	f := m.open(t, "/dev/ttyS0", unix.O_RDWR)
	s, e := m.read(f, 10)
	expect(t, "nothing yet", s, e, "", unix.EAGAIN)
	m.wire.in = []byte("hello\rrest")
	m.m.Notified(console.InputBit(console.Terminal))
	s, e = m.read(f, 3)
	expect(t, "part of a line", s, e, "hel", 0)
	s, e = m.read(f, 10)
	expect(t, "rest of the line", s, e, "lo\n", 0)
	if got := string(m.wire.out); got != "hello\r\nrest" {
		t.Errorf("echo %q", got)
	}

	// No room at the console: the terminal keeps a page, then makes writers wait.
	m.wire.space, m.wire.out = 0, nil
	n, e := m.write(f, string(bytes.Repeat([]byte("x"), 5000)))
	if n != 4096 || e != unix.EAGAIN {
		t.Errorf("wrote %d %v", n, e)
	}
	m.wire.space = 1 << 20
	m.m.Notified(console.SpaceBit(console.Terminal))
	if len(m.wire.out) != 4096 {
		t.Errorf("%d bytes came out", len(m.wire.out))
	}

	m.signals = nil
	m.wire.state.Rows, m.wire.state.Columns = 50, 132
	m.m.Notified(console.InputBit(console.Terminal))
	m.ioctl(t, f, unix.TIOCGWINSZ, 16)
	if rows, _ := usermem.Read32(&m.ram, 16); rows != 50|132<<16 {
		t.Errorf("window %#x", rows)
	}
	if len(m.signals) != 1 || m.signals[0] != "group SIGWINCH" {
		t.Errorf("signals %v", m.signals)
	}

	m.wire.state.Flags = console.End
	m.m.Notified(console.InputBit(console.Terminal))
	s, e = m.read(f, 10)
	expect(t, "end", s, e, "", 0)
}

func TestStreams(t *testing.T) {
	m := newMachine(t)
	files, e := m.m.OpenStreams()
	if e != 0 {
		t.Fatal(e)
	}
	if files[0].Inode.Type() != unix.S_IFIFO {
		t.Errorf("mode %o", files[0].Inode.Mode)
	}
	s, e := m.read(files[0], 10)
	expect(t, "nothing yet", s, e, "", unix.EAGAIN)
	m.wire.in = []byte("input")
	s, e = m.read(files[0], 3)
	expect(t, "input", s, e, "inp", 0)
	s, e = m.read(files[0], 10)
	expect(t, "input", s, e, "ut", 0)
	m.wire.state.Flags = console.End
	s, e = m.read(files[0], 10)
	expect(t, "end", s, e, "", 0)
	if ev := files[0].Ready(wait.In); ev != wait.Hup {
		t.Errorf("ready %#x", ev)
	}
	m.wire.space = 3
	if n, e := m.write(files[1], "output"); n != 3 || e != unix.EAGAIN {
		t.Errorf("wrote %d %v", n, e)
	}
	again, e := m.context().OpenPath(files[1].Path, &vfs.OpenHow{Flags: unix.O_WRONLY})
	if e != 0 {
		t.Fatalf("opening again: %v", e)
	}
	m.wire.space = 10
	m.write(again, "put")
	if string(m.wire.out) != "output" {
		t.Errorf("out %q", m.wire.out)
	}
}

// export is the state as bytes: of the terminals and of the files.
func (m *machine) export() (terminals, files []byte) {
	return terminalsCodec.Encode(m.m.Export()), filesCodec.Encode(m.v.Export())
}

var (
	terminalsCodec = state.CodecOf[state.TerminalsT]("Terminals")
	filesCodec     = state.CodecOf[state.VFST]("VFS")
)

func TestStateSurvives(t *testing.T) {
	m := newMachine(t)
	m.m.OpenConsole(24, 80)
	files, _ := m.m.OpenStreams()
	con := m.open(t, "/dev/console", unix.O_RDWR)
	master := m.open(t, "/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY)
	m.ioctl(t, master, unix.TIOCSPTLCK, 0)
	slave := m.open(t, "/dev/pts/0", unix.O_RDWR|unix.O_NOCTTY)
	m.write(master, "one\ntw\x16")
	m.write(slave, "out\t")
	urandom := m.open(t, "/dev/urandom", unix.O_RDONLY)
	terminals, open := m.export()

	n, _ := bare(m.wire)
	n.id, n.now = m.id, m.now
	ts, err := terminalsCodec.Decode(terminals)
	if err != nil {
		t.Fatal(err)
	}
	fs, err := filesCodec.Decode(open)
	if err != nil {
		t.Fatal(err)
	}
	if e := n.m.Import(ts); e != 0 {
		t.Fatal(e)
	}
	r, e := n.v.Import(fs)
	if e != 0 {
		t.Fatal(e)
	}
	for _, f := range []*vfs.File{files[0], files[1], files[2], con, master, slave, urandom} {
		if r.File(f.Id) == nil {
			t.Fatalf("file %d is lost", f.Id)
		}
		r.File(f.Id).Get()
	}
	terminals2, open2 := n.export()
	if !bytes.Equal(terminals, terminals2) || !bytes.Equal(open, open2) {
		t.Error("the state is not the same after an import")
	}
	n.write(r.File(master.Id), "\x17\n")
	s, e := n.read(r.File(slave.Id), 100)
	expect(t, "first line", s, e, "one\n", 0)
	s, e = n.read(r.File(slave.Id), 100)
	expect(t, "second line", s, e, "tw\x17\n", 0)
	s, e = n.read(r.File(urandom.Id), 2)
	expect(t, "random", s, e, "\x01\x01", 0)
}
