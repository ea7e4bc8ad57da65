package amd64

import (
	"sync/atomic"

	"github.com/usbarmory/tamago/soc/intel/ioapic"

	"github.com/usbarmory/tamago/amd64/lapic"
)

// Interrupt controllers: the local APIC (SDM 3A 11) and one I/O APIC (82093AA
// data sheet), at their usual places, reached through the uncached end of the
// direct map. Register names are tamago's; its drivers take 32-bit addresses.
const (
	lapicBase  = 0xfee00000
	ioapicBase = 0xfec00000

	lapicTaskPriority = 0x80
	lapicTimerInitial = 0x380
	lapicTimerCurrent = 0x390
	lapicTimerDivide  = 0x3e0
	timerDivideBy16   = 3
	lvtMasked         = 1 << 16
	lapicEnable       = 1 << lapic.SVR_ENABLE

	pinMasked = 1 << ioapic.REDTBL_MASK
	pinLevel  = 1 << 15

	// Lines below are edge-triggered as on the ISA bus, those above level-triggered.
	firstLevelLine = 16
	maxLines       = vectorSpurious - vectorDevices
)

// lines is the number of lines that the I/O APIC has.
var lines int

// device gives atomic access to a device register, so that the compiler
// neither splits nor drops it.
func device(base, offset uint32) *uint32 {
	return (*uint32)(Physical(uint64(base) + uint64(offset)))
}

func lapicRead(r uint32) uint32     { return atomic.LoadUint32(device(lapicBase, r)) }
func lapicWrite(r uint32, v uint32) { atomic.StoreUint32(device(lapicBase, r), v) }

func ioapicRead(r uint32) uint32 {
	atomic.StoreUint32(device(ioapicBase, ioapic.IOREGSEL), r)
	return atomic.LoadUint32(device(ioapicBase, ioapic.IOWIN))
}

func ioapicWrite(r uint32, v uint32) {
	atomic.StoreUint32(device(ioapicBase, ioapic.IOREGSEL), r)
	atomic.StoreUint32(device(ioapicBase, ioapic.IOWIN), v)
}

// initInterrupts masks the old interrupt controllers and every line, and turns
// the local APIC on.
func initInterrupts() {
	out8(0x21, 0xff) // 8259A interrupt masks
	out8(0xa1, 0xff)
	lapicWrite(lapicTaskPriority, 0)
	lapicWrite(lapic.LAPIC_SVR, lapicEnable|vectorSpurious)
	lapicWrite(lapicTimerDivide, timerDivideBy16)
	lapicWrite(lapic.LAPIC_LVT_TIMER, lvtMasked)
	lines = min(int(ioapicRead(ioapic.IOAPICVER)>>ioapic.VER_ENTRIES&0xff)+1, maxLines)
	for i := range lines {
		LineMask(i, true)
	}
}

// LineMask routes a line to its vector on this processor, masked or not.
func LineMask(line int, masked bool) {
	v := uint32(vectorDevices + line)
	if line >= firstLevelLine {
		v |= pinLevel
	}
	if masked {
		v |= pinMasked
	}
	ioapicWrite(ioapic.IOAPICREDTBLn+uint32(2*line)+1, lapicRead(lapic.LAPIC_ID)&0xff000000)
	ioapicWrite(ioapic.IOAPICREDTBLn+uint32(2*line), v)
}

// Lines is the number of device interrupt lines.
func Lines() int { return lines }

// Interrupt says what a vector from IsInterrupt or Halt means, and acknowledges
// it: the timer, or a line. A level-triggered line is masked until LineMask says otherwise. An
// edge-triggered one is not: an edge that comes while it is masked would be lost.
func Interrupt(vector uint64) (timer bool, line int) {
	timer, line = vector == vectorTimer, int(vector)-vectorDevices
	if !timer && (line < 0 || line >= lines) {
		return false, -1 // spurious: no acknowledgement (SDM 3A 11.9)
	}
	if line >= firstLevelLine {
		LineMask(line, true)
	}
	lapicWrite(lapic.LAPIC_EOI, 0)
	return timer, line
}

// Halt waits for an interrupt and returns its vector.
func Halt() uint64 { return halt() }
