package sim

import (
	"encoding/binary"
	"iter"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"starling/ipc"
)

// costCall is what getting to a system call costs, in ns.
const costCall = 20

// activation is one Go function running as user code on a thread. Signal
// handlers run in activations of their own above the one they interrupt.
type activation struct {
	t    *Thread
	base uint64 // address of the slot
	slot uint32
	p    Prog
	next func() (struct{}, bool)
	stop func()

	yield func(struct{}) bool
	wants trap   // what it stopped for
	ip    uint64 // where it goes on; meaningful with sp, since an address alone can be in several activations
	sp    uint64
	redo  bool // the instruction is to be executed again
	skip  bool // the instruction was stepped over

	sequence bool // it is in its restartable sequence
	aborted  bool // and goes on at its abort handler
}

// trap is why user code stopped.
type trap struct {
	kind    trapKind
	vector  uint16
	address uint64
	code    uint64
	access  ipc.Access
}

type trapKind uint8

const (
	trapPreempted trapKind = iota
	trapSyscall
	trapFault
	trapException
	trapReturned // the function returned: go on at the address in ip
	trapJump     // it called machine code, which comes back
)

// execute runs the thread from its registers until it traps or its budget ends.
func (t *Thread) execute() {
	for {
		if !canonical(t.regs.IP) {
			t.raise(ipc.EventException, vectorGP, 0, 0, 0)
			return
		}
		a := t.find()
		if a == nil {
			var w trap
			if a, w = t.fetch(); a == nil {
				if w.kind == trapReturned { // a jump
					continue
				}
				t.stop(w)
				return
			}
		}
		a.next()
		w := a.wants
		if w.kind == trapJump {
			continue
		}
		if w.kind == trapReturned {
			t.pop(a)
			continue
		}
		t.stop(w)
		return
	}
}

// stop turns what user code stopped for into an event.
func (t *Thread) stop(w trap) {
	switch w.kind {
	case trapSyscall:
		t.raise(ipc.EventSyscall, 0, 0, 0, 0)
	case trapFault:
		t.raise(ipc.EventFault, vectorPage, w.address, w.code, w.access)
	case trapException:
		t.raise(ipc.EventException, w.vector, w.address, w.code, 0)
	}
}

// find returns the activation that goes on at the thread's instruction and
// stack pointer, newest first. Those above it were left for good.
func (t *Thread) find() *activation {
	r := &t.regs
	for i := len(t.activations) - 1; i >= 0; i-- {
		a := t.activations[i]
		if a.sp != r.SP {
			continue
		}
		a.redo, a.skip = false, false
		switch {
		case a.ip == r.IP:
		case a.sequence && a.base == r.IP:
			a.aborted = true
		case a.wants.kind == trapSyscall && a.ip-2 == r.IP:
			a.redo = true
		case a.wants.kind != trapSyscall && a.ip+2 == r.IP && a.ip == a.base+slotAccess:
			a.skip = true
		default:
			continue
		}
		for len(t.activations) > i+1 {
			t.pop(t.activations[len(t.activations)-1])
		}
		return a
	}
	return nil
}

// fetch executes the instruction at the thread's instruction pointer: the
// beginning of a slot starts its function.
func (t *Thread) fetch() (*activation, trap) {
	ip := t.regs.IP
	var code [8]byte
	for i := range code {
		phys, present, ok := t.space.translate(ip+uint64(i), ipc.Execute)
		if !ok {
			if i >= 2 {
				break
			}
			return nil, trap{kind: trapFault, address: ip + uint64(i), access: ipc.Execute, code: faultCode(ipc.Execute, present)}
		}
		code[i] = t.k.arena[phys]
	}
	switch {
	case binary.LittleEndian.Uint32(code[:]) == slotMark:
		id := binary.LittleEndian.Uint32(code[4:])
		if int(id>>16) < len(t.k.images) {
			im := t.k.images[id>>16]
			if n := id & 0xffff; int(n) < len(im.slots) && im.slots[n].run != nil {
				return t.begin(im, n, ip), trap{}
			}
		}
	case code[0] == 0xeb: // JMP rel8, SDM 2A
		t.regs.IP = ip + 2 + uint64(int64(int8(code[1])))
		t.budget -= t.k.cfg.AccessCost
		return nil, trap{kind: trapReturned}
	case code[0] == 0x90: // NOP
		return t.executed(1)
	case code[0] == 0xc3: // RET
		phys, present, ok := t.space.translate(t.regs.SP, ipc.Read)
		if !ok {
			return nil, trap{kind: trapFault, address: t.regs.SP, access: ipc.Read, code: faultCode(ipc.Read, present)}
		}
		to := binary.LittleEndian.Uint64(t.k.arena[phys:])
		t.regs.SP += 8
		return t.executed(to - ip)
	case code[0] == 0x48 && code[1] == 0x83 && code[2] == 0xec: // SUB RSP, imm8
		t.regs.SP -= uint64(code[3])
		return t.executed(4)
	case code[0] == 0x48 && code[1] == 0x83 && code[2] == 0xc4: // ADD RSP, imm8
		t.regs.SP += uint64(code[3])
		return t.executed(4)
	case code[0] == 0xcc: // INT3
		t.regs.IP++
		return nil, trap{kind: trapException, vector: vectorBreak}
	case code[0] == 0x0f && code[1] == 0x05:
		t.regs.IP += 2
		t.regs.CX, t.regs.R11, t.regs.OrigAX = t.regs.IP, t.regs.Flags, t.regs.AX
		return nil, trap{kind: trapSyscall}
	}
	return nil, trap{kind: trapException, vector: vectorUndef}
}

// executed goes on behind an instruction in machine code, or traps there if the thread is stepped.
func (t *Thread) executed(by uint64) (*activation, trap) {
	t.regs.IP += by
	t.budget -= t.k.cfg.AccessCost
	if t.regs.Flags&flagTrap != 0 {
		t.debugStatus |= stepStatus
		return nil, trap{kind: trapException, vector: vectorDebug, address: t.regs.IP}
	}
	return nil, trap{kind: trapReturned}
}

// faultCode is the error code the hardware pushes (SDM 3A 4.7).
func faultCode(access ipc.Access, present bool) uint64 {
	c := uint64(4) // user mode
	if present {
		c |= 1
	}
	if access&ipc.Write != 0 {
		c |= 2
	}
	if access&ipc.Execute != 0 {
		c |= 16
	}
	return c
}

// left is what a coroutine panics with when its thread is gone.
type left struct{}

// deepest is how many functions of a thread are interrupted by each other at most. A program whose registers
// were damaged may go on interrupting itself for ever; what it never comes back to is let go.
const deepest = 256

// begin starts the function of a slot as a new activation. Only a handler has
// something below it that goes on later.
func (t *Thread) begin(im *Image, n uint32, ip uint64) *activation {
	s := im.slots[n]
	switch s.role {
	case roleProcess, roleThread:
		im.release(n)
		fallthrough
	case roleEntry:
		t.abandon()
	}
	if len(t.activations) == deepest {
		t.pop(t.activations[0])
	}
	a := &activation{t: t, base: ip, slot: n}
	a.p = Prog{t: t, a: a, image: im}
	t.activations = append(t.activations, a)
	a.p.start(s)
	a.next, a.stop = iter.Pull(func(yield func(struct{}) bool) {
		a.yield = yield
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(left); !ok {
					panic(r)
				}
			}
		}()
		if a.confused(s.run) {
			a.p.Syscall(unix.SYS_EXIT_GROUP, confusedStatus)
		}
		a.p.finish(s)
	})
	return a
}

// confusedStatus is the exit status of a program that a fault made go wrong in a way Go does not bear.
const confusedStatus = 139

// confused runs a function and reports whether it went wrong for what it was told: with an injector that
// can be anything.
func (a *activation) confused(run Program) (yes bool) {
	if a.t.k.lab == nil {
		run(&a.p)
		return false
	}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case runtime.Error:
			yes = true
		case Failure:
			if yes = strings.HasPrefix(string(e), "script:"); !yes {
				panic(e)
			}
		default:
			panic(e)
		}
	}()
	run(&a.p)
	return false
}

// trap stops the activation and comes back when the thread is resumed in it.
func (a *activation) trap(w trap, ip uint64) {
	a.wants, a.ip, a.sp = w, ip, a.t.regs.SP
	a.t.regs.IP = ip
	if !a.yield(struct{}{}) {
		panic(left{})
	}
	if a.aborted {
		a.aborted = false
		panic(aborted{})
	}
}

// pop removes an activation that ended or was left.
func (t *Thread) pop(a *activation) {
	for i := range t.activations {
		if t.activations[i] == a {
			t.activations = append(t.activations[:i], t.activations[i+1:]...)
			break
		}
	}
	a.stop()
}

// abandon ends all activations of the thread.
func (t *Thread) abandon() {
	for i := len(t.activations) - 1; i >= 0; i-- {
		a := t.activations[i]
		t.activations = t.activations[:i]
		a.stop()
	}
}

// Close ends every program of a machine that is not needed any more: each is a coroutine.
func (k *Kernel) Close() {
	for _, t := range k.threads {
		if t != nil {
			t.abandon()
		}
	}
}
