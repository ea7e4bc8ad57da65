package sim

import (
	"fmt"
	"math/rand/v2"
	"unsafe"

	"starling/ipc"
)

// Config says how big and how slow the simulated machine is. Zero fields get defaults.
type Config struct {
	// MemoryPages is the free memory at boot, in pages. Default 4096 (16 MiB).
	MemoryPages uint64
	// KernelPages is what the kernel has for its own objects before anything is granted. Default 64.
	KernelPages uint64
	// Seed chooses the schedule; 0 is first come, first served.
	Seed uint64
	// EventCost is the time one event takes, in ns. Default 1000.
	EventCost int64
	// AccessCost is the time a load or store of a program takes, in ns. Default 1.
	AccessCost int64
	// Slice is the time slice of programs in ns. Default 10 ms.
	Slice int64
	// Threads is the size of the thread table. Default 4096.
	Threads int
	// Capabilities is the size of each server's capability table. Default 8192.
	Capabilities int
}

func (c *Config) fill() {
	set := func(p *uint64, v uint64) {
		if *p == 0 {
			*p = v
		}
	}
	set(&c.MemoryPages, 4096)
	set(&c.KernelPages, 64)
	if c.EventCost == 0 {
		c.EventCost = 1000
	}
	if c.AccessCost == 0 {
		c.AccessCost = 1
	}
	if c.Slice == 0 {
		c.Slice = 10e6
	}
	if c.Threads == 0 {
		c.Threads = 4096
	}
	if c.Capabilities == 0 {
		c.Capabilities = 8192
	}
}

// firstFree is the physical address of the first free page: below it a PC has
// its legacy memory, and physical address 0 stays what nobody can own.
const firstFree = 1 << 20

// Kernel is one simulated machine.
type Kernel struct {
	cfg   Config
	arena []byte // physical memory, page-aligned
	now   int64  // ns since boot
	rng   *rand.Rand

	nextFree uint64 // first physical byte not yet given to a server
	pool     pool

	servers   []*Transport
	threads   []*Thread // by number; 0 is never valid
	idle      []uint32  // free thread numbers, last freed first
	endpoints []*endpoint
	ready     []*Thread // runnable programs, in round-robin order
	last      *Thread   // the program replied to last
	ran       *Thread   // the program that ran last
	order     uint64    // counts what became pending, for first come first served
	alarms    []alarm

	interrupts map[int]*interrupt
	images     []*Image

	taps     []func(Message)
	lab      *lab     // nil: nothing goes wrong
	handled  uint64   // events handled by all servers
	tracking bool     // somebody records: note the pages that programs write
	dirty    []uint64 // those pages
	nesting  []*Transport
	stats    Stats
	console  []byte
	off      bool
	status   int
}

// Stats counts what happened since boot.
type Stats struct {
	Events   uint64 // events delivered to servers
	Syscalls uint64 // system calls of programs
	Faults   uint64 // page faults of programs
	Calls    uint64 // server-to-server calls
	Switches uint64 // address-space switches a real kernel would have made
	Kernel   uint64 // kernel calls of servers
}

// Failure is what the simulation panics with when the servers broke a rule that
// would hang the real machine: a cycle of calls, a call to nobody, a deadlock.
type Failure string

func (f Failure) Error() string { return "sim: " + string(f) }

func (k *Kernel) fail(format string, args ...any) {
	panic(Failure(fmt.Sprintf(format, args...)))
}

// New boots a machine without servers.
func New(cfg Config) *Kernel {
	cfg.fill()
	size := firstFree + cfg.MemoryPages*ipc.PageSize
	raw := make([]byte, size+ipc.PageSize)
	skip := -uintptr(unsafe.Pointer(&raw[0])) & (ipc.PageSize - 1)
	k := &Kernel{
		cfg:        cfg,
		arena:      raw[skip : uint64(skip)+size : uint64(skip)+size],
		nextFree:   firstFree,
		threads:    make([]*Thread, 1, 64),
		interrupts: map[int]*interrupt{},
		now:        1,
	}
	k.pool.free = cfg.KernelPages
	if cfg.Seed != 0 {
		k.rng = rand.New(rand.NewPCG(cfg.Seed, 0x5f3759df))
	}
	return k
}

// Window is the address at which physical address 0 appears: the window of docs/contract.md.
func (k *Kernel) Window() unsafe.Pointer { return unsafe.Pointer(&k.arena[0]) }

// Physical is the whole physical memory.
func (k *Kernel) Physical() []byte { return k.arena }

// Now is the virtual time in ns since boot.
func (k *Kernel) Now() int64 { return k.now }

// Stats returns the counters.
func (k *Kernel) Stats() Stats { return k.stats }

// Console is what was written to the emergency console with Log.
func (k *Kernel) Console() string { return string(k.console) }

// Off reports whether a server shut the machine down, and with which code.
func (k *Kernel) Off() (bool, int) { return k.off, k.status }

// page returns the page at a physical address that was checked before.
func (k *Kernel) page(phys uint64) []byte {
	return k.arena[phys : phys+ipc.PageSize : phys+ipc.PageSize]
}
