package sim

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/ipc"
	"starling/ipc/console"
	"starling/ipc/frame"
	"starling/ipc/rootfs"
	kernel "starling/ipc/sim"
	"starling/ipc/supervise"
	"starling/pager/client"
	"starling/pager/table"
)

// small is a personality of five system calls: enough to see that simulated kernel,
// pager, console and harness fit together before Linux comes into play.
type small struct {
	p     *Parts
	pager *client.Client
	smallState
}

// smallState is what survives a swap.
type smallState struct {
	Threads []smallThread // by frame slot
	Live    int
	Ended   bool
	Code    uint32
}

type smallThread struct {
	Handle ipc.Handle
	Space  client.Space
	SpaceH ipc.Handle
	Parent int
	Wait   ipc.Token // a parked wait
	Child  bool      // a child has ended
}

func startSmall(p *Parts, fresh bool) (Server, error) {
	pager, err := client.New(p.Transport, p.Pager, table.NewWindow(p.Window, 0, p.Memory))
	if err != nil {
		return nil, err
	}
	s := &small{p: p, pager: pager, smallState: smallState{Threads: make([]smallThread, 1)}}
	if fresh {
		return s, nil
	}
	return s, s.exec(p.Args[0])
}

func (s *small) Export() []byte {
	b, _ := json.Marshal(s.smallState)
	return b
}

func (s *small) Import(b []byte) error { return json.Unmarshal(b, &s.smallState) }

func (s *small) frame(slot int) *frame.Frame {
	return (*frame.Frame)(unsafe.Add(s.p.FrameBase, slot*ipc.PageSize))
}

const smallStack = 0x7000_0000_0000

// exec makes the first process.
func (s *small) exec(path string) error {
	image, err := rootfs.Open(s.p.RootFS)
	if err != nil {
		return err
	}
	i, ok := image.Find(strings.TrimPrefix(path, "/"))
	if !ok {
		return fmt.Errorf("%s: not there", path)
	}
	f, err := elf.NewFile(bytes.NewReader(image.Contents(i)))
	if err != nil {
		return err
	}
	entry := image.Entry(i)
	file, st := s.pager.ObjectAdopt(s.p.RootOffset+entry.Offset(), entry.Size())
	if st != client.OK {
		return st
	}
	space, h, st := s.pager.SpaceCreate()
	if st != client.OK {
		return st
	}
	for _, seg := range f.Progs {
		if seg.Type != elf.PT_LOAD {
			continue
		}
		access := ipc.Read
		if seg.Flags&elf.PF_X != 0 {
			access |= ipc.Execute
		}
		if seg.Flags&elf.PF_W != 0 {
			access |= ipc.Write
		}
		if st := s.pager.Map(space, client.Region{Address: seg.Vaddr, Pages: seg.Filesz / ipc.PageSize,
			Access: access, Object: file, Offset: seg.Off}); st != client.OK {
			return st
		}
	}
	if st := s.pager.Map(space, client.Region{Address: smallStack, Pages: 16, Access: ipc.Read | ipc.Write}); st != client.OK {
		return st
	}
	s.frame(1).Regs.IP, s.frame(1).Regs.SP = f.Entry, smallStack+15*ipc.PageSize
	return s.thread(smallThread{Space: space, SpaceH: h}, ipc.MaskControl)
}

// thread starts a thread in the next slot; its registers are in the frame.
func (s *small) thread(t smallThread, mask ipc.Mask) error {
	slot := len(s.Threads)
	h, _, err := s.p.Transport.ThreadCreate(&ipc.ThreadSpec{Space: t.SpaceH, Priority: 2,
		FrameMemory: s.p.Frames, FrameOffset: uint64(slot) * ipc.PageSize,
		FaultEndpoint: s.p.Pager, FaultBadge: uint64(t.Space), TrapEndpoint: s.p.Self, TrapBadge: uint64(slot)})
	if err != nil {
		return err
	}
	t.Handle = h
	s.Threads = append(s.Threads, t)
	s.Live++
	return s.p.Transport.ThreadStart(h, mask, 0, 0)
}

func (s *small) Handle(ev *ipc.Event) {
	switch ev.Kind {
	case ipc.EventSyscall:
		s.call(ev, int(ev.Badge))
	case ipc.EventMessage:
		n := supervise.Put(s.p.Transport.Buffer(), supervise.Report{State: supervise.Exited, Code: s.Code})
		s.p.Transport.Answer(ev.Token, n, 0)
	case ipc.EventFault, ipc.EventException:
		s.exit(int(ev.Badge), 128+11)
	}
}

func (s *small) call(ev *ipc.Event, slot int) {
	r := &s.frame(slot).Regs
	t := &s.Threads[slot]
	result := int64(-int64(unix.ENOSYS))
	switch r.OrigAX {
	case unix.SYS_WRITE:
		page, e := s.pager.SpacePage(t.Space, r.SI)
		if e == 0 {
			result = -int64(unix.EFAULT)
			break
		}
		text := page[r.SI%ipc.PageSize:]
		c := console.Client{Transport: s.p.Transport, Endpoint: s.p.Console}
		n, _, err := c.Write(console.Terminal, text[:min(int(r.DX), len(text))])
		if result = int64(n); err != nil {
			result = -int64(unix.EIO)
		}
	case unix.SYS_MMAP:
		at := uint64(0x1000_0000)
		if st := s.pager.Map(t.Space, client.Region{Address: at, Pages: r.SI / ipc.PageSize, Access: ipc.Read | ipc.Write}); st != client.OK {
			result = -int64(unix.ENOMEM)
			break
		}
		result = int64(at)
	case unix.SYS_FORK:
		space, h, st := s.pager.SpaceFork(t.Space)
		if st != client.OK {
			result = -int64(unix.ENOMEM)
			break
		}
		child := s.frame(len(s.Threads))
		child.Regs = *r
		child.Regs.AX = 0
		if err := s.thread(smallThread{Space: space, SpaceH: h, Parent: slot}, ipc.MaskGeneral|ipc.MaskControl); err != nil {
			result = -int64(unix.EAGAIN)
			break
		}
		result = int64(len(s.Threads) - 1)
	case unix.SYS_WAIT4:
		if !t.Child {
			t.Wait = ev.Token
			return // parked: the trap is not answered yet
		}
		t.Child, result = false, 0
	case unix.SYS_EXIT_GROUP:
		s.exit(slot, uint32(r.DI))
		return
	}
	r.AX = uint64(result)
	s.p.Transport.Reply(ipc.Reply{Token: ev.Token, Mask: ipc.MaskResult})
}

func (s *small) exit(slot int, code uint32) {
	t := &s.Threads[slot]
	s.pager.SpaceDestroy(t.Space)
	s.p.Transport.CapDelete(t.SpaceH)
	s.p.Transport.CapDelete(t.Handle)
	s.Live--
	if p := &s.Threads[t.Parent]; t.Parent != 0 {
		p.Child = true
		if p.Wait != (ipc.Token{}) {
			s.frame(t.Parent).Regs.AX = 0
			s.p.Transport.Reply(ipc.Reply{Token: p.Wait, Mask: ipc.MaskResult})
			p.Wait, p.Child = ipc.Token{}, false
		}
		return
	}
	s.Ended, s.Code = true, code
	s.p.Transport.Notify(s.p.Root, supervise.Changed)
}

// family forks, and parent and child write to the same page and print what they see.
func family(p *kernel.Prog) {
	at := p.Put([]byte("common"))
	p.Fork(func(p *kernel.Prog) {
		p.Set(at, []byte("child "))
		p.Syscall(unix.SYS_WRITE, 1, at, 6)
	})
	p.Syscall(unix.SYS_WAIT4, 0, 0, 0, 0)
	p.Syscall(unix.SYS_WRITE, 1, at, 6)
	p.Set(at, []byte("parent"))
	p.Syscall(unix.SYS_WRITE, 1, at, 6)
	p.Exit(3)
}

func bootSmall(t *testing.T, o Options, f kernel.Program) *Machine {
	o.Personality = startSmall
	m := Boot(t, o)
	m.Program("/bin/init", f)
	return m
}

func TestPagerKeepsParentAndChildApart(t *testing.T) {
	m := bootSmall(t, Options{}, family)
	m.Run("/bin/init")
	m.Expect(Exited(3), "child commonparent")
}

func TestEveryMessageSwapsAndEndsTheSame(t *testing.T) {
	m := bootSmall(t, Options{}, family)
	m.EveryMessage(1)
	m.Run("/bin/init")
	m.Expect(Exited(3), "child commonparent")
	if m.Checked() < 7 {
		t.Errorf("only %d swaps", m.Checked())
	}
}

func TestReplayGoesThroughTheSameStates(t *testing.T) {
	m := bootSmall(t, Options{Record: true, Config: kernel.Config{MemoryPages: 1024}}, family)
	m.Run("/bin/init")
	if err := m.Replay(); err != nil {
		t.Error(err)
	}
}

func TestSeedsAgreeWithThemselves(t *testing.T) {
	run := func(seed uint64) uint64 {
		m := bootSmall(t, Options{Config: kernel.Config{Seed: seed}}, family)
		d := m.Kernel.Digest()
		m.Run("/bin/init")
		sum, _ := d.Sum()
		return sum
	}
	for seed := range uint64(4) {
		if a, b := run(seed), run(seed); a != b {
			t.Errorf("seed %d: %x and %x", seed, a, b)
		}
	}
}

func TestABadAccessEndsTheProgram(t *testing.T) {
	m := bootSmall(t, Options{}, func(p *kernel.Prog) { p.Store8(0x10, 1) })
	m.Run("/bin/init")
	m.Expect(Exited(128+11), "")
}

// Programs that touch more memory than there is get a fault that says so, and the
// rest of the machine goes on.
func TestMemoryRunsOut(t *testing.T) {
	m := bootSmall(t, Options{Config: kernel.Config{MemoryPages: 1024}}, func(p *kernel.Prog) {
		p.Fork(func(p *kernel.Prog) {
			const size = 4096 * ipc.PageSize
			at := uint64(p.Syscall(unix.SYS_MMAP, 0, size))
			for i := uint64(0); i < size; i += ipc.PageSize {
				p.Store8(at+i, 1)
			}
		})
		p.Syscall(unix.SYS_WAIT4, 0, 0, 0, 0)
		p.Print(1, "still here")
		p.Exit(0)
	})
	m.Run("/bin/init")
	m.Expect(Exited(0), "still here")
}
