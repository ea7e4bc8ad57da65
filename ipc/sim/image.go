package sim

import (
	"encoding/binary"
	"fmt"

	"starling/ipc"
)

// Program is a program, or a part of one, as a Go function.
type Program func(p *Prog)

// Image is an executable of the simulated machine: a real ELF file whose code is
// made of slots, one per Go function. The processor knows a slot by its bytes, so
// an image is loaded, mapped, relocated, forked and executed like any other file.
type Image struct {
	Name   string
	k      *Kernel
	number uint32
	pie    bool
	interp string
	entry  uint64
	slots  []slot
	spare  []uint32 // slots without a function
	server func(ipc.Transport)
}

// slot is a piece of code of an image: a Go function and how it comes to run.
type slot struct {
	run  Program
	role role
	heap *heap // of a child: the scratch memory it begins with
}

type role uint8

const (
	roleEntry   role = iota // runs when the image is executed
	roleHandler             // returns to the address on the stack
	roleProcess             // runs as a new process, once
	roleThread              // runs as a new thread, once
)

// A slot is 16 bytes of code:
//
//	 0  0f 0b 53 69   ud2, and a mark: here the Go function begins
//	 4  image number (16 bits), slot number (16 bits)
//	 8  8a 00         a load: where memory faults are reported
//	10  90 90
//	12  0f 05         syscall
//	14  eb f0         jump to the beginning: a thread that starts behind the system call of another; where functions
//	                  compute outside of their sequences
const (
	slotSize    = 16
	slotAccess  = 8
	slotAfter   = 10
	slotSyscall = 12
	slotReturn  = 14

	slotMark = 0x6953_0b0f

	// restorer is the slot that every image has for returning from signal handlers.
	restorer = 1
	// firstDynamic is the first slot for functions that a running program registers.
	firstDynamic = 2
	slotCount    = 4096

	// The last slots are functions in machine code, for probes.
	slotLeaf  = slotCount - 1
	slotPlain = slotCount - 2
	lastOfGo  = slotCount - 3

	textOffset = 0x1000
	textBase   = 0x400000
	dataPages  = 4
)

// Where the functions in machine code are in the file of every image. Both do nothing; the first instruction of one
// moves the stack pointer, that of the other is a NOP.
const (
	LeafOffset  = textOffset + slotSize*slotLeaf
	PlainOffset = textOffset + slotSize*slotPlain

	leafCode  = "\x48\x83\xec\x08\x48\x83\xc4\x08\xc3\xcc\xcc\xcc\xcc\xcc\xcc\xcc"
	plainCode = "\x90\xc3\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc"
)

// Image registers a program under a name; entry runs when it is executed.
func (k *Kernel) Image(name string, entry Program) *Image {
	im := &Image{Name: name, k: k, number: uint32(len(k.images)), entry: textBase + textOffset}
	im.slots = make([]slot, slotCount)
	im.slots[0].run = entry
	im.slots[restorer] = slot{run: sigreturn, role: roleHandler}
	for s := lastOfGo; s >= firstDynamic; s-- {
		im.spare = append(im.spare, uint32(s))
	}
	k.images = append(k.images, im)
	return im
}

// PIE makes the image position independent (ET_DYN).
func (im *Image) PIE() *Image {
	im.pie, im.entry = true, textOffset
	return im
}

// Interpreter makes the image a dynamic one that names a program interpreter (PT_INTERP).
func (im *Image) Interpreter(path string) *Image {
	im.interp = path
	return im
}

// ServerImage registers what runs when a server thread is started at entry.
func (k *Kernel) ServerImage(name string, entry uint64, main func(ipc.Transport)) {
	k.images = append(k.images, &Image{Name: name, k: k, number: uint32(len(k.images)), entry: entry, server: main})
}

// register finds a slot for a function of a running program.
func (im *Image) register(s slot) uint32 {
	last := len(im.spare) - 1
	if last < 0 {
		im.k.fail("%s registered %d functions at once", im.Name, slotCount)
	}
	n := im.spare[last]
	im.spare = im.spare[:last]
	im.slots[n] = s
	return n
}

func (im *Image) release(n uint32) {
	im.slots[n] = slot{}
	im.spare = append(im.spare, n)
}

// ELF is the file: headers, text with all slots, and a data segment whose
// second half is bss.
func (im *Image) ELF() []byte {
	const text, data = slotCount * slotSize, dataPages * ipc.PageSize
	interp := append([]byte(im.interp), 0)
	file := make([]byte, textOffset+text+data)
	le := binary.LittleEndian
	copy(file, "\x7fELF\x02\x01\x01")
	base, typ := uint64(textBase), uint16(2)
	if im.pie {
		base, typ = 0, 3
	}
	le.PutUint16(file[16:], typ)
	le.PutUint16(file[18:], 62) // EM_X86_64
	le.PutUint32(file[20:], 1)
	le.PutUint64(file[24:], base+textOffset)
	le.PutUint64(file[32:], 64) // program headers follow
	le.PutUint16(file[52:], 64)
	le.PutUint16(file[54:], 56)
	le.PutUint16(file[58:], 64)
	count := 0
	header := func(typ, flags uint32, offset, vaddr, filesz, memsz, align uint64) {
		h := file[64+56*count:]
		count++
		le.PutUint32(h, typ)
		le.PutUint32(h[4:], flags)
		for i, v := range [...]uint64{offset, vaddr, vaddr, filesz, memsz, align} {
			le.PutUint64(h[8+8*i:], v)
		}
	}
	const r, w, x = 4, 2, 1
	if im.interp != "" {
		at := uint64(64 + 56*4)
		copy(file[at:textOffset], interp)
		header(3, r, at, base+at, uint64(len(interp)), uint64(len(interp)), 1)
	}
	header(1, r|x, 0, base, textOffset+text, textOffset+text, ipc.PageSize)
	header(1, r|w, textOffset+text, base+textOffset+text, data, 2*data, ipc.PageSize)
	header(0x6474e551, r|w, 0, 0, 0, 0, 16) // PT_GNU_STACK: not executable
	le.PutUint16(file[56:], uint16(count))
	for s := uint32(0); s < slotCount; s++ {
		c := file[textOffset+slotSize*s:]
		le.PutUint32(c, slotMark)
		le.PutUint32(c[4:], im.number<<16|s)
		copy(c[slotAccess:], "\x8a\x00\x90\x90\x0f\x05\xeb\xf0")
	}
	copy(file[LeafOffset:], leafCode)
	copy(file[PlainOffset:], plainCode)
	return file
}

// String names the image.
func (im *Image) String() string { return fmt.Sprintf("image %d %s", im.number, im.Name) }
