package bpf

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/content/memory"
	"starling/personality/wait"
)

// world is a registry with maps by descriptor.
type world struct {
	o    *Objects
	maps map[int32]*Map
}

type clock struct{ id uint64 }

func (c *clock) Now() int64          { return 0 }
func (c *clock) WallNow() int64      { return 0 }
func (c *clock) NewID() uint64       { c.id++; return c.id }
func (c *clock) RoomFor(uint64) bool { return true }

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{maps: map[int32]*Map{}}
	w.o = New(vfs.New(&clock{}, wait.NewTable()), memory.New())
	for i, s := range []Spec{
		{Type: unix.BPF_MAP_TYPE_ARRAY, KeySize: 4, ValueSize: 16, MaxEntries: 4},
		{Type: unix.BPF_MAP_TYPE_HASH, KeySize: 8, ValueSize: 12, MaxEntries: 3},
		{Type: unix.BPF_MAP_TYPE_RINGBUF, MaxEntries: 4096},
		{Type: unix.BPF_MAP_TYPE_ARRAY, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: flagProgRead},
		{Type: unix.BPF_MAP_TYPE_PERF_EVENT_ARRAY, KeySize: 4, ValueSize: 4, MaxEntries: 2},
	} {
		m, e := w.o.NewMap(s)
		if e != 0 {
			t.Fatal(e)
		}
		w.maps[int32(i+3)] = m
	}
	return w
}

// Descriptors of the maps of a world.
const (
	fdArray = 3 + iota
	fdHash
	fdRing
	fdConstant
	fdOutputs
)

func (w *world) find(fd int32, indexed bool) (*Map, unix.Errno) {
	if m := w.maps[fd]; m != nil && !indexed {
		return m, 0
	}
	return nil, unix.EBADF
}

// storeImm stores a constant; asm.StoreImm has no 64-bit one.
func storeImm(dst asm.Register, off int16, v int64, size asm.Size) asm.Instruction {
	return asm.Instruction{OpCode: asm.StoreImmOp(asm.Byte).SetSize(size), Dst: dst, Offset: off, Constant: v}
}

func encode(t testing.TB, list asm.Instructions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := list.Marshal(&b, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (w *world) load(code []byte) (*Program, string, unix.Errno) {
	return w.o.NewProgram(&Load{Type: unix.BPF_PROG_TYPE_KPROBE, License: "GPL", Code: code, Maps: w.find})
}

// environment is a thread with one page of memory, full of sevens, at 0x1000.
type environment struct{ page [4096]byte }

func (*environment) Now() int64               { return 1234 }
func (*environment) PIDTGID() uint64          { return 7<<32 | 8 }
func (*environment) UIDGID() uint64           { return 0 }
func (*environment) Comm() string             { return "comm" }
func (e *environment) Memory() usermem.Memory { return e }
func (*environment) Random() uint32           { return 4 }
func (e *environment) Span(va uint64, n int, access ipc.Access) ([]byte, unix.Errno) {
	if va < 0x1000 || va >= 0x2000 {
		return nil, unix.EFAULT
	}
	return e.page[va-0x1000:][:min(n, int(0x2000-va))], 0
}

func occasion() *Occasion {
	c := make([]byte, isa.ProbeContextSize)
	for i := range c {
		c[i] = byte(i)
	}
	return &Occasion{Context: c, Cookie: 99, Function: 0x401000}
}

// lookup is the beginning of most programs: R0 is a value of a map or NULL.
func lookup(fd int, key int64) asm.Instructions {
	return asm.Instructions{
		storeImm(asm.RFP, -8, key, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -8),
		asm.LoadMapPtr(asm.R1, fd),
		asm.FnMapLookupElem.Call(),
	}
}

func join(parts ...asm.Instructions) (all asm.Instructions) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

var (
	done   = asm.Instructions{asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return()}
	ifNull = asm.Instructions{asm.JEq.Imm(asm.R0, 0, "out")}
)

// output is a program that sends size bytes of stack, of which 8 are written.
func output(fd int, context asm.Register, size int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R1, context), storeImm(asm.RFP, -8, 1, asm.DWord), asm.LoadMapPtr(asm.R2, fd), asm.Mov.Imm32(asm.R3, -1),
		asm.Mov.Reg(asm.R4, asm.RFP), asm.Add.Imm(asm.R4, -size), asm.Mov.Imm(asm.R5, size), asm.FnPerfEventOutput.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return(),
	}
}

func TestVerifier(t *testing.T) {
	one := func(list ...asm.Instruction) asm.Instructions { return list }
	for _, c := range []struct {
		name string
		code asm.Instructions
		want string // "" is accepted, else a part of the log
	}{
		{"nothing", done, ""},
		{"count", join(lookup(fdArray, 1), ifNull, one(asm.Mov.Imm(asm.R1, 1), asm.StoreXAdd(asm.R0, asm.R1, asm.DWord)), done), ""},
		{"no null check", join(lookup(fdArray, 1), one(asm.LoadMem(asm.R0, asm.R0, 0, asm.DWord)), done), "map value or NULL"},
		{"past the value", join(lookup(fdArray, 1), ifNull, one(asm.LoadMem(asm.R0, asm.R0, 9, asm.DWord)), done), "invalid access to a map value"},
		{"before the value", join(lookup(fdArray, 1), ifNull, one(asm.LoadMem(asm.R0, asm.R0, -1, asm.Byte)), done), "invalid access to a map value"},
		{"uninitialised register", one(asm.Mov.Reg(asm.R0, asm.R3), asm.Return()), "R3 !read_ok"},
		{"reason with the instruction, by unit", join(one(asm.LoadMapPtr(asm.R1, fdArray), asm.LoadMem(asm.R0, asm.R3, 0, asm.DWord), asm.Return())), "2: LdXMemDW dst: r0 src: r3 off: 0 imm: 0\n2: R3 !read_ok"},
		{"no result", one(asm.Return()), "R0 !read_ok"},
		{"uninitialised stack", one(asm.LoadMem(asm.R0, asm.RFP, -8, asm.DWord), asm.Return()), "never written"},
		{"stack below", one(storeImm(asm.RFP, -520, 1, asm.DWord), asm.Mov.Imm(asm.R0, 0), asm.Return()), "invalid stack access"},
		{"stack above", one(storeImm(asm.RFP, -4, 1, asm.DWord), asm.Mov.Imm(asm.R0, 0), asm.Return()), "invalid stack access"},
		{"frame pointer", one(asm.Mov.Imm(asm.RFP, 1), asm.Mov.Imm(asm.R0, 0), asm.Return()), "read only"},
		{"returns a pointer", one(asm.Mov.Reg(asm.R0, asm.R1), asm.Return()), "not a number"},
		{"context", one(asm.LoadMem(asm.R0, asm.R1, 160, asm.DWord), asm.Return()), ""},
		{"past the context", one(asm.LoadMem(asm.R0, asm.R1, 168, asm.DWord), asm.Return()), "bpf_context"},
		{"context is not written", one(storeImm(asm.R1, 0, 0, asm.DWord), asm.Mov.Imm(asm.R0, 0), asm.Return()), "cannot be written"},
		{"number as pointer", one(asm.Mov.Imm(asm.R1, 0x1000), asm.LoadMem(asm.R0, asm.R1, 0, asm.DWord), asm.Return()), "scalar"},
		{"loop without end", one(asm.Mov.Imm(asm.R0, 0).WithSymbol("again"), asm.Ja.Label("again")), "infinite loop"},
		{"loop that counts for ever", one(asm.Mov.Imm(asm.R0, 0), asm.Add.Imm(asm.R0, 1).WithSymbol("again"), asm.JNE.Imm(asm.R0, -1, "again"), asm.Return()), "too large"},
		{"bounded loop", one(asm.Mov.Imm(asm.R0, 0), asm.Add.Imm(asm.R0, 1).WithSymbol("again"), asm.JLT.Imm(asm.R0, 100, "again"), asm.Return()), ""},
		{"bounded index", join(lookup(fdArray, 1), ifNull, one(asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.And.Imm(asm.R1, 15), asm.Add.Reg(asm.R0, asm.R1), asm.LoadMem(asm.R2, asm.R0, 0, asm.Byte)), done), ""},
		{"compared index", join(lookup(fdArray, 1), ifNull, one(asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.JGT.Imm(asm.R1, 8, "out"), asm.Add.Reg(asm.R0, asm.R1), asm.LoadMem(asm.R2, asm.R0, 0, asm.DWord)), done), ""},
		{"index by one too large", join(lookup(fdArray, 1), ifNull, one(asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.JGT.Imm(asm.R1, 9, "out"), asm.Add.Reg(asm.R0, asm.R1), asm.LoadMem(asm.R2, asm.R0, 0, asm.DWord)), done), "off=0 to 9"},
		{"signed comparison only", join(lookup(fdArray, 1), ifNull, one(asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.JSGT.Imm(asm.R1, 8, "out"), asm.Add.Reg(asm.R0, asm.R1), asm.LoadMem(asm.R2, asm.R0, 0, asm.DWord)), done), "no bound"},
		{"index without bound", join(lookup(fdArray, 1), ifNull, one(asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.Add.Reg(asm.R0, asm.R1), asm.LoadMem(asm.R2, asm.R0, 0, asm.DWord)), done), "no bound"},
		{"constant map", join(lookup(fdConstant, 0), ifNull, one(storeImm(asm.R0, 0, 1, asm.DWord)), done), "does not allow"},
		{"record", join(one(asm.LoadMapPtr(asm.R1, fdRing), asm.Mov.Imm(asm.R2, 8), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call()), ifNull,
			one(storeImm(asm.R0, 0, 5, asm.DWord), asm.Mov.Reg(asm.R1, asm.R0), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufSubmit.Call()), done), ""},
		{"record that is forgotten", join(one(asm.LoadMapPtr(asm.R1, fdRing), asm.Mov.Imm(asm.R2, 8), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call()), ifNull, done), "Unreleased reference"},
		{"record used afterwards", join(one(asm.LoadMapPtr(asm.R1, fdRing), asm.Mov.Imm(asm.R2, 8), asm.Mov.Imm(asm.R3, 0), asm.FnRingbufReserve.Call(), asm.Mov.Reg(asm.R6, asm.R0)), ifNull,
			one(asm.Mov.Reg(asm.R1, asm.R0), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufSubmit.Call(), storeImm(asm.R6, 0, 1, asm.Byte)), done), "R6 !read_ok"},
		{"ring as hash", join(lookup(fdRing, 1), done), "cannot pass map_type"},
		{"output as hash", join(lookup(fdOutputs, 1), done), "cannot pass map_type"},
		{"hash as output", output(fdHash, asm.R1, 8), "cannot pass map_type"},
		{"output", output(fdOutputs, asm.R1, 8), ""},
		{"output of more than there is", output(fdOutputs, asm.R1, 16), "never written"},
		{"output without the context", output(fdOutputs, asm.RFP, 8), "expected the context"},
		{"unknown helper", one(asm.BuiltinFunc(9999).Call(), asm.Return()), "unknown func"},
		{"function", one(asm.Call.Label("f"), asm.Return(), asm.Mov.Imm(asm.R0, 3).WithSymbol("f"), asm.Return()), ""},
		{"function that calls itself", one(asm.Call.Label("f").WithSymbol("f"), asm.Return()), "too deep"},
		{"function keeps R6 only", one(asm.Mov.Imm(asm.R1, 1), asm.Call.Label("f"), asm.Mov.Reg(asm.R0, asm.R1), asm.Return(), asm.Mov.Imm(asm.R0, 3).WithSymbol("f"), asm.Return()), "R1 !read_ok"},
		{"pointer to a function's stack", one(asm.Mov.Imm(asm.R0, 0), asm.Call.Label("f"), asm.LoadMem(asm.R0, asm.R0, -8, asm.DWord), asm.Return(), asm.Mov.Reg(asm.R0, asm.RFP).WithSymbol("f"), asm.Return()), "cannot return stack pointer"},
		{"size from the program", one(asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord), asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, -16), asm.Mov.Imm(asm.R3, 0), asm.FnProbeReadUser.Call(), asm.Return()), "unbounded memory"},
		{"comm", one(asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, -16), asm.Mov.Imm(asm.R2, 16), asm.FnGetCurrentComm.Call(), asm.LoadMem(asm.R0, asm.RFP, -16, asm.DWord), asm.Return()), ""},
		{"division by zero", one(asm.Mov.Imm(asm.R0, 1), asm.Div.Imm(asm.R0, 0), asm.Return()), "division by zero"},
		{"runs past its end", one(asm.Mov.Imm(asm.R0, 1)), "last insn"},
		{"unreachable", one(asm.Mov.Imm(asm.R0, 1), asm.Return(), asm.Mov.Imm(asm.R0, 2), asm.Return()), "unreachable insn 2"},
		{"32-bit pointer", one(asm.Add.Imm32(asm.R1, 1), asm.Mov.Imm(asm.R0, 0), asm.Return()), "32-bit pointer"},
		{"spilled pointer", join(one(asm.StoreMem(asm.RFP, -16, asm.R1, asm.DWord), asm.LoadMem(asm.R3, asm.RFP, -16, asm.DWord), asm.LoadMem(asm.R0, asm.R3, 0, asm.DWord), asm.Return())), ""},
		{"broken spilled pointer", join(one(asm.StoreMem(asm.RFP, -16, asm.R1, asm.DWord), storeImm(asm.RFP, -12, 0, asm.Byte), asm.LoadMem(asm.R3, asm.RFP, -16, asm.DWord), asm.LoadMem(asm.R0, asm.R3, 0, asm.DWord), asm.Return())), "scalar"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			p, log, e := w.load(encode(t, c.code))
			switch {
			case c.want == "" && e != 0:
				t.Errorf("refused with %v:\n%s", e, log)
			case c.want != "" && (e == 0 || !strings.Contains(log, c.want)):
				t.Errorf("%v, log %q, want %q", e, log, c.want)
			case e == 0:
				p.Run(&environment{}, occasion())
				if w.o.Violations != 0 {
					t.Error("the verified program broke a rule")
				}
			}
		})
	}
}

func TestRun(t *testing.T) {
	one := func(list ...asm.Instruction) asm.Instructions { return list }
	for _, c := range []struct {
		name string
		code asm.Instructions
		want uint64
	}{
		{"arithmetic", one(asm.Mov.Imm(asm.R0, 10), asm.Mul.Imm(asm.R0, -3), asm.Add.Imm(asm.R0, 31), asm.LSh.Imm(asm.R0, 4), asm.Return()), 16},
		{"32 bits", one(asm.LoadImm(asm.R0, -1, asm.DWord), asm.Add.Imm32(asm.R0, 2), asm.Return()), 1},
		{"signed shift", one(asm.Mov.Imm(asm.R0, -16), asm.ArSh.Imm(asm.R0, 2), asm.Neg.Imm(asm.R0, 0), asm.Return()), 4},
		{"context", one(asm.LoadMem(asm.R0, asm.R1, 8, asm.Word), asm.Return()), 0x0b0a0908},
		{"cookie", one(asm.FnGetAttachCookie.Call(), asm.Return()), 99},
		{"function", one(asm.FnGetFuncIp.Call(), asm.Return()), 0x401000},
		{"calls", one(asm.Mov.Imm(asm.R1, 4), asm.Mov.Imm(asm.R6, 100), asm.Call.Label("f"), asm.Add.Reg(asm.R0, asm.R6), asm.Return(),
			asm.Mov.Reg(asm.R0, asm.R1).WithSymbol("f"), asm.Mov.Imm(asm.R6, 5), asm.Mul.Reg(asm.R0, asm.R6), asm.Return()), 120},
		{"comm", one(asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, -16), asm.Mov.Imm(asm.R2, 16), asm.FnGetCurrentComm.Call(), asm.LoadMem(asm.R0, asm.RFP, -16, asm.Word), asm.Return()), 0x6d6d6f63},
		{"loop", one(asm.Mov.Imm(asm.R0, 0), asm.Mov.Imm(asm.R1, 0), asm.Add.Reg(asm.R0, asm.R1).WithSymbol("again"), asm.Add.Imm(asm.R1, 1), asm.JLE.Imm(asm.R1, 10, "again"), asm.Return()), 55},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, log, e := newWorld(t).load(encode(t, c.code))
			if e != 0 {
				t.Fatalf("%v: %s", e, log)
			}
			if got := p.Run(&environment{}, occasion()); got != c.want {
				t.Errorf("%#x, want %#x", got, c.want)
			}
		})
	}
}

func TestHash(t *testing.T) {
	w := newWorld(t)
	m := w.maps[fdHash]
	key := func(n byte) []byte { return []byte{n, 0, 0, 0, 0, 0, 0, 0} }
	value := make([]byte, 12)
	for _, c := range []struct {
		what string
		got  unix.Errno
		want unix.Errno
	}{
		{"EXIST on nothing", m.Update(key(1), value, updateExist), unix.ENOENT},
		{"first", m.Update(key(1), value, 0), 0},
		{"NOEXIST", m.Update(key(1), value, updateNoExist), unix.EEXIST},
		{"second", m.Update(key(2), value, 0), 0},
		{"third", m.Update(key(3), value, 0), 0},
		{"full", m.Update(key(4), value, 0), unix.E2BIG},
		{"delete", m.Delete(key(2)), 0},
		{"delete again", m.Delete(key(2)), unix.ENOENT},
		{"into the room", m.Update(key(5), value, 0), 0},
		{"unknown flags", m.Update(key(5), value, 8), unix.EINVAL},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	var order []byte
	for k, e := m.Next(nil); e == 0; k, e = m.Next(k) {
		order = append(order, k[0])
	}
	if !bytes.Equal(order, []byte{1, 5, 3}) {
		t.Errorf("keys in the order %v", order)
	}
}

// Records are whole behind the end of the ring, and a reader that lies gets no more than the ring.
func TestRing(t *testing.T) {
	w := newWorld(t)
	m := w.maps[fdRing]
	record := bytes.Repeat([]byte("x"), 1000)
	at := uint64(0)
	for range 20 {
		if i, ok := m.reserve(1000); !ok {
			t.Fatal("no room though all was read")
		} else {
			m.commit(i, record, false, 0)
		}
		data := append(append([]byte{}, m.ring.pages[2][:]...), m.ring.pages[3][:]...)
		if got := data[at%4096:][:1008]; binary.LittleEndian.Uint32(got) != 1000 || !bytes.Equal(got[8:], record) {
			t.Fatalf("record at %d is broken", at)
		}
		at += 1008
		binary.LittleEndian.PutUint64(m.ring.pages[ringConsumer][:], at)
	}
	binary.LittleEndian.PutUint64(m.ring.pages[ringConsumer][:], at+12345)
	for range 4 {
		m.reserve(1000)
	}
	if _, ok := m.reserve(1000); ok {
		t.Error("a reader that claims the future makes room")
	}
}
