package cpu

import (
	"unsafe"

	"starling/arch/amd64"
)

type (
	// Context is a thread's private register state, at the beginning of a page.
	Context = amd64.Context
	// Link is the part of a Context that the microkernel works with, too.
	Link = amd64.Link
	// Gate is the part of an endpoint that a system call's short way works with.
	Gate = amd64.Gate
	// Group is a set of register groups, with the values of ipc.Mask.
	Group = amd64.Group
	// PageTable is an address space.
	PageTable = amd64.PageTable
	// Leaf is a piece of a space in which pages can be mapped one by one.
	Leaf = amd64.Leaf
	// Pages is where page tables get their pages from.
	Pages = amd64.Pages
	// Rights of a mapping beyond reading.
	Rights = amd64.Rights
	// Result is how a change of page tables ended.
	Result = amd64.Result
	// Clock converts ticks to ns.
	Clock = amd64.Clock
	// Region is a piece of physical memory.
	Region = amd64.Region
	// Machine is what is known about the machine at boot.
	Machine = amd64.Machine
)

// States of a thread.
const (
	StateNew       = amd64.StateNew
	StateReady     = amd64.StateReady
	StateQueued    = amd64.StateQueued
	StateDelivered = amd64.StateDelivered
	StateStuck     = amd64.StateStuck
	StateWaiting   = amd64.StateWaiting
)

// Results of page-table changes.
const (
	Done     = amd64.Done
	NoMemory = amd64.NoMemory
	IsLarge  = amd64.IsLarge
)

// Sizes and limits.
const (
	PageSize     = amd64.PageSize
	LargeSize    = amd64.LargeSize
	LeafPages    = amd64.LeafPages
	UserLimit    = amd64.UserLimit    // end of the addresses of programs and servers
	VectorOffset = amd64.VectorOffset // the microkernel's part of a thread's page ends here
	ExitBroken   = amd64.ExitBroken
	GroupAll     = amd64.GroupAll
	TrapSyscall  = amd64.TrapSyscall
	TrapRecall   = amd64.TrapRecall
	ELFMachine   = 62
)

// PortRange is a range of I/O ports that a driver may be given.
type PortRange struct {
	Name         string
	First, Count uint64
}

// Ports are the port ranges that root gets: serial lines, the exit device of
// QEMU, the real-time clock, the interval timer (IBM PC AT).
var Ports = [...]PortRange{
	{"com1", 0x3f8, 8}, {"com2", 0x2f8, 8},
	{"com3", 0x3e8, 8}, {"com4", 0x2e8, 8},
	{"exit", 0xf4, 4}, {"rtc", 0x70, 2}, {"pit", 0x40, 4},
}

// Devices is the device memory that servers may drive.
var Devices = amd64.Devices

// Init sets up the processor; call it once, first.
func Init() { amd64.Init() }

// FindMachine tells about memory and boot image.
func FindMachine(unused ...Region) (Machine, error) { return amd64.FindMachine(unused...) }

// Calibrate measures the clocks; start is the counter's value at boot.
func Calibrate(start uint64) Clock { return amd64.Calibrate(start) }

// WallClock is ns since 1970.
func WallClock() int64 { return amd64.WallClock() }

// Ticks reads the processor's counter.
func Ticks() uint64 { return amd64.Ticks() }

// Resume runs a thread until the next trap, and returns the thread that trapped; hold
// is not 0 when a reply may not resume its thread without asking, ready when one that yields may not.
func Resume(c *Context, hold, ready uint32) *Context { return amd64.Resume(c, hold, ready) }

// Counts are address-space switches, and traps that Resume did not come back from.
func Counts() (switches, short uint64) { return amd64.Counts() }

// Forget drops what the processor keeps of a thread that is being destroyed.
func Forget(c *Context) { amd64.Forget(c) }

// NewPageTable makes an empty space.
func NewPageTable(from Pages) (PageTable, bool) { return amd64.NewPageTable(from) }

// Physical is a pointer to physical memory.
func Physical(a uint64) unsafe.Pointer { return amd64.Physical(a) }

// Address is the physical address behind such a pointer.
func Address(p unsafe.Pointer) uint64 { return amd64.Address(p) }

// PortRead reads 1, 2 or 4 bytes from a port.
func PortRead(port uint16, size int) uint32 { return amd64.PortRead(port, size) }

// PortWrite writes 1, 2 or 4 bytes to a port.
func PortWrite(port uint16, size int, v uint32) { amd64.PortWrite(port, size, v) }

// PortWriteString writes bytes to one port.
func PortWriteString(port uint16, b []byte) { amd64.PortWriteString(port, b) }

// Lines is the number of interrupt lines.
func Lines() int { return amd64.Lines() }

// LineMask masks or unmasks an interrupt line.
func LineMask(line int, masked bool) { amd64.LineMask(line, masked) }

// Interrupt acknowledges a vector: the timer or a line, or neither.
func Interrupt(vector uint64) (timer bool, line int) { return amd64.Interrupt(vector) }

// Halt waits for an interrupt.
func Halt() uint64 { return amd64.Halt() }

// TimerArm asks for one timer interrupt in ns.
func TimerArm(ns int64) { amd64.TimerArm(ns) }

// ConsoleWrite writes a byte to the emergency console.
func ConsoleWrite(b byte) { amd64.ConsoleWrite(b) }

// Say writes to the emergency console.
func Say(s string) { amd64.Say(s) }

// SayWord writes a name and a number there.
func SayWord(name string, v uint64) { amd64.SayWord(name, v) }

// Exit ends the machine.
func Exit(code uint32) { amd64.Exit(code) }
