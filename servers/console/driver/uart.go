package driver

import "starling/ipc"

// Registers of the 16550 as offsets from its first port, and the bits used
// (National Semiconductor PC16550D, section 8).
const (
	regData          = 0 // RBR, THR
	regInterrupts    = 1 // IER
	regFIFO          = 2 // FCR; reading it is IIR
	regLine          = 3 // LCR
	regModem         = 4 // MCR
	regStatus        = 5 // LSR
	regScratch       = 7 // SCR
	interruptInput   = 1 << 0
	interruptSpace   = 1 << 1
	fifoEnable       = 0xc7 // on, both cleared, interrupt at 14 bytes or when no more come
	line8N1          = 0x03
	lineDivisor      = 0x80 // divisor latch access
	modemReady       = 0x0b // DTR, RTS, and OUT2, which gates the interrupt
	statusInput      = 1 << 0
	statusSpace      = 1 << 5 // the transmit FIFO is empty
	statusIdle       = 1 << 6 // and so is the shift register: the last bit has left
	fifoSize         = 16
	fifoTrigger      = 14   // bytes at which the input interrupt comes
	reasonMask       = 0x0f // IIR
	reasonInput      = 0x04 // at least fifoTrigger bytes wait
	scratchSignature = 0x5a
)

// uart is one 16550.
type uart struct {
	t         ipc.Transport
	ports     ipc.Handle
	interrupt ipc.Handle
	base      uint16
	enabled   uint32 // what IER holds
	sending   bool   // bytes were given to the device that it is not known to have sent
}

func (u *uart) in(register uint16) uint32 {
	v, err := u.t.PortIn(u.ports, u.base+register, 1)
	if err != nil {
		return 0 // no input, no space: the line stands still
	}
	return v
}

func (u *uart) out(register uint16, v uint32) { _ = u.t.PortOut(u.ports, u.base+register, 1, v) }

// start programs the line for 115200 8N1 with FIFOs and reports whether there
// is a device at all: an empty bus reads as ones.
func (u *uart) start() bool {
	u.out(regScratch, scratchSignature)
	if u.in(regScratch) != scratchSignature {
		return false
	}
	u.out(regInterrupts, 0)
	u.out(regLine, lineDivisor|line8N1)
	u.out(regData, 1) // divisor 1
	u.out(regInterrupts, 0)
	u.out(regLine, line8N1)
	u.out(regFIFO, fifoEnable)
	u.out(regModem, modemReady)
	return true
}

// enable sets which interrupts the device raises.
func (u *uart) enable(input, space bool) {
	var want uint32
	if input {
		want |= interruptInput
	}
	if space {
		want |= interruptSpace
	}
	if want != u.enabled {
		u.enabled = want
		u.out(regInterrupts, want)
	}
}

// receive fills r from the device until one of them has no more and reports
// whether the device may still have some.
func (u *uart) receive(r *ring) (more bool) {
	for {
		n := 0
		switch {
		case r.space() >= fifoTrigger && u.enabled&interruptInput != 0 && u.in(regFIFO)&reasonMask == reasonInput:
			n = fifoTrigger // without asking before each: every access costs an emulator much
		case u.in(regStatus)&statusInput != 0:
			n = 1
		default:
			return false
		}
		var b [fifoTrigger]byte
		if n = min(n, r.space()); n == 0 {
			return true
		}
		for i := range n {
			b[i] = byte(u.in(regData))
		}
		r.put(b[:n])
	}
}

// send empties r into the device as far as it takes bytes. The FIFO is filled
// only when the device says that it is empty: only then 16 bytes surely fit.
// It overwrites the message buffer.
func (u *uart) send(r *ring) {
	for r.length() > 0 && u.in(regStatus)&statusSpace != 0 {
		n := r.get(u.t.Buffer()[:fifoSize])
		if u.t.PortOutString(u.ports, u.base+regData, n) != nil {
			return
		}
		u.sending = true
	}
}

// idle reports whether everything that the device was given has left it. There
// is no interrupt for that: the one for space comes before the last bytes go.
func (u *uart) idle() bool {
	if u.sending && u.in(regStatus)&statusIdle != 0 {
		u.sending = false
	}
	return !u.sending
}
