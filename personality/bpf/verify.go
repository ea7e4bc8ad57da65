package bpf

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// Bounds of verification. What needs more is refused: "too complex".
const (
	maxSteps   = 1 << 16 // instructions looked at
	maxWaiting = 1 << 10 // ways not followed yet
	maxForks   = 1 << 12 // states kept
	maxAtOne   = 32      // of one instruction
	forkEvery  = 8       // instructions between two states that are kept
)

// verifier follows every way through a program. A way ends at the exit, or where a
// state is reached that is covered by one from which every way was followed: so
// what is accepted ends, after at most maxSteps instructions.
type verifier struct {
	code    []byte // what list was decoded from
	list    []instruction
	maps    []*Map
	context int // bytes of the context
	gpl     bool

	forks   map[int32][]*fork
	joins   []bool // instructions that are reached from several places
	kept    int
	waiting []*path
	steps   int
	since   int // steps since a state was kept
	ids     uint32
	log     []byte
	reads   bool            // the context
	lookups map[int32]int32 // the array that a call of map_lookup_elem is about
}

// verdict is what verification has found.
type verdict struct {
	steps   int
	log     string // why not, or how much was looked at
	context bool   // the program reads its context
}

// verify decides whether a program may run.
func verify(code []byte, list []instruction, maps []*Map, context int, gpl bool) (d verdict, r *refusal) {
	v := &verifier{code: code, list: list, maps: maps, context: context, gpl: gpl, forks: map[int32][]*fork{}, joins: make([]bool, len(list)), lookups: map[int32]int32{}}
	if r = v.shape(); r == nil {
		r = v.walk()
	}
	d = verdict{steps: v.steps, context: v.reads}
	if r != nil {
		d.log = fmt.Sprintf("%s%s\nprocessed %d insns\n", v.log, r.text, v.steps)
		return d, r
	}
	v.resolve()
	d.log = fmt.Sprintf("%sprocessed %d insns (limit %d) max_states %d\n", v.log, v.steps, maxSteps, v.kept)
	return d, nil
}

// shape checks what is true of instructions wherever they are reached from.
func (v *verifier) shape() *refusal {
	for i := range v.list {
		x := &v.list[i]
		if x.op == opJump || x.op.isJump() {
			v.joins[x.target] = true
		}
		if x.op == opCallLocal {
			v.joins[x.target] = true
		}
	}
	switch last := v.list[len(v.list)-1].op; last {
	case opExit, opJump:
	default:
		return refuse(unix.EINVAL, "last insn is not an exit or jmp")
	}
	for i, reached := range v.reached() {
		if !reached {
			return refuse(unix.EINVAL, "unreachable insn %d", v.unit(int32(i)))
		}
	}
	return nil
}

// reached says of each instruction whether there is a way to it, whatever the registers hold.
func (v *verifier) reached() []bool {
	seen := make([]bool, len(v.list))
	next := []int32{0}
	for len(next) > 0 {
		at := next[len(next)-1]
		next = next[:len(next)-1]
		for int(at) < len(v.list) && !seen[at] {
			seen[at] = true
			x := &v.list[at]
			switch {
			case x.op == opExit:
			case x.op == opJump:
				at = x.target
				continue
			case x.op.isJump() || x.op == opCallLocal:
				next = append(next, x.target)
				fallthrough
			default:
				at++
				continue
			}
			break
		}
	}
	return seen
}

// walk follows all ways.
func (v *verifier) walk() *refusal {
	p := &path{frames: make([]frame, 1)}
	p.top().regs[1] = value{kind: kindContext}
	p.top().regs[regFrame] = value{kind: kindStack}
	for p != nil {
		ended, r := v.run(p)
		if r != nil {
			at := v.unit(p.at)
			r.text = fmt.Sprintf("%d: %v\n%d: %s", at, v.text(at), at, r.text)
			return r
		}
		if !ended {
			continue
		}
		finish(p.from)
		p = nil
		if n := len(v.waiting); n > 0 {
			p = v.waiting[n-1]
			v.waiting = v.waiting[:n-1]
		}
	}
	return nil
}

// unit is where an instruction is in units of 8 bytes, as tools count.
func (v *verifier) unit(at int32) int {
	unit := int(at)
	for i := range v.list[:at] {
		if v.list[i].op == opLoadImm {
			unit++
		}
	}
	return unit
}

// text is the instruction at a unit as an assembler writes it.
func (v *verifier) text(unit int) string {
	var x asm.Instruction
	if at := unit * asm.InstructionSize; at < len(v.code) && x.Unmarshal(bytes.NewReader(v.code[at:]), binary.LittleEndian, platform) == nil {
		return fmt.Sprint(x)
	}
	return "?"
}

// finish notes that one way from f came to its end.
func finish(f *fork) {
	for f != nil {
		if f.open--; f.open > 0 {
			return
		}
		f = f.parent
	}
}

// run follows a path by one instruction. It reports whether the way ends here.
func (v *verifier) run(p *path) (ended bool, r *refusal) {
	if v.steps++; v.steps > maxSteps {
		return false, refuse(unix.E2BIG, "BPF program is too large: more than %d instructions on all paths, or a loop without a bound", maxSteps)
	}
	if v.joins[p.at] {
		known, r := v.known(p)
		if known || r != nil {
			return true, r
		}
	}
	v.since++
	x := &v.list[p.at]
	switch {
	case x.op.isALU() || x.op == opToLittle || x.op == opToBig || x.op == opSwap:
		r = v.alu(p, x)
	case x.op == opLoadImm:
		r = v.loadImm(p, x)
	case x.op.isLoad():
		r = v.load(p, x)
	case x.op.isStore():
		r = v.store(p, x)
	case x.op == opAtomic32 || x.op == opAtomic64:
		r = v.atomic(p, x)
	case x.op == opJump:
		p.at = x.target
		return false, nil
	case x.op.isJump():
		return v.branch(p, x)
	case x.op == opCall:
		r = v.call(p, x)
	case x.op == opCallLocal:
		return false, v.enter(p, x)
	case x.op == opExit:
		return v.exit(p)
	default:
		r = refuse(unix.EINVAL, "unknown instruction")
	}
	if r != nil {
		return false, r
	}
	return false, v.next(p)
}

// next goes to the instruction behind.
func (v *verifier) next(p *path) *refusal {
	if int(p.at)+1 >= len(v.list) {
		return refuse(unix.EINVAL, "the program runs past its end")
	}
	p.at++
	return nil
}

// known reports whether everything from here on was followed already. If not the state is kept,
// now and then.
func (v *verifier) known(p *path) (bool, *refusal) {
	list := v.forks[p.at]
	for _, f := range list {
		switch {
		case f.open == 0 && f.covers(p):
			return true, nil
		case f.open > 0 && f.same(p):
			return false, refuse(unix.EINVAL, "infinite loop detected")
		}
	}
	if v.since < forkEvery && len(list) > 0 || v.kept >= maxForks || len(list) >= maxAtOne {
		return false, nil
	}
	v.since = 0
	v.kept++
	c := p.split(p.at)
	f := &fork{parent: p.from, open: 1, frames: c.frames, owed: c.owed}
	p.from = f
	v.forks[p.at] = append(list, f)
	return false, nil
}

// later notes a way that is to be followed.
func (v *verifier) later(p *path) *refusal {
	if len(v.waiting) >= maxWaiting {
		return refuse(unix.E2BIG, "the sequence of %d jumps is too complex", maxWaiting)
	}
	if p.from != nil {
		p.from.open++
	}
	v.waiting = append(v.waiting, p)
	return nil
}

// enter goes into a function of the program.
func (v *verifier) enter(p *path, x *instruction) *refusal {
	if len(p.frames) >= maxFrames {
		return refuse(unix.E2BIG, "the call stack of %d frames is too deep", maxFrames)
	}
	f := frame{back: p.at + 1}
	if int(f.back) >= len(v.list) {
		return refuse(unix.EINVAL, "the program runs past its end")
	}
	from := p.top()
	for i := 1; i <= 5; i++ {
		f.regs[i] = from.regs[i]
	}
	f.regs[regFrame] = value{kind: kindStack, index: int32(len(p.frames))}
	p.frames = append(p.frames, f)
	p.at = x.target
	return nil
}

// exit leaves a function, or ends the program.
func (v *verifier) exit(p *path) (ended bool, r *refusal) {
	f := p.top()
	r0 := f.regs[0]
	switch {
	case r0.kind == kindNone:
		return false, refuse(unix.EACCES, "R0 !read_ok")
	case len(p.frames) == 1:
		if r0.kind.pointer() {
			return false, refuse(unix.EACCES, "at program exit the register R0 is %s, not a number", r0.kind)
		}
		if len(p.owed) > 0 {
			return false, refuse(unix.EINVAL, "Unreleased reference id=%d", p.owed[0])
		}
		return true, nil
	case r0.kind == kindStack && int(r0.index) == len(p.frames)-1:
		return false, refuse(unix.EINVAL, "cannot return stack pointer to the caller")
	}
	back, depth := f.back, int32(len(p.frames)-1)
	p.frames = p.frames[:depth]
	to := p.top()
	to.regs[0] = r0
	for i := 1; i <= 5; i++ {
		to.regs[i] = value{}
	}
	// Nothing may point into the frame that is gone.
	for i := range p.frames {
		for c := range p.frames[i].cells {
			if s := &p.frames[i].cells[c]; s.bytes[0] == markSaved && s.saved.kind == kindStack && s.saved.index >= depth {
				return false, refuse(unix.EINVAL, "a stack pointer of the function outlives it")
			}
		}
	}
	p.at = back
	return false, nil
}

// newID is an id for what a call returned.
func (v *verifier) newID() uint32 {
	v.ids++
	return v.ids
}

// noArray marks a call of map_lookup_elem that is not always about the same array.
const noArray = -1

// lookup notes which map a call of map_lookup_elem is about.
func (v *verifier) lookup(at, number int32) {
	if have, ok := v.lookups[at]; !v.maps[number].isArray() || ok && have != number {
		number = noArray
	}
	v.lookups[at] = number
}

// resolve makes the instructions what the interpreter needs: helpers by pointer, and lookups in
// arrays, which need no helper.
func (v *verifier) resolve() {
	for i := range v.list {
		x := &v.list[i]
		if x.op != opCall {
			continue
		}
		x.helper = helpers[asm.BuiltinFunc(x.imm)]
		if number, ok := v.lookups[int32(i)]; ok && number != noArray {
			x.op, x.index = opLookup, number
		}
	}
}
