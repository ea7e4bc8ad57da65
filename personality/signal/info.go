package signal

import (
	"encoding/binary"

	"starling/personality/state"
)

// Codes of siginfo_t that say where a signal came from (sigaction(2), si_code).
const (
	SIUser    = 0
	SIKernel  = 0x80
	SIQueue   = -1
	SITimer   = -2
	SIMesgQ   = -3
	SIAsyncIO = -4
	SISigIO   = -5
	SITkill   = -6

	CLDExited    = 1
	CLDKilled    = 2
	CLDDumped    = 3
	CLDTrapped   = 4
	CLDStopped   = 5
	CLDContinued = 6

	SegvMapErr = 1
	SegvAccErr = 2
	BusAdrErr  = 2
	BusAdrAln  = 1
	TrapBrkpt  = 1
	TrapTrace  = 2
)

// InfoSize is the size of siginfo_t in bytes, of which the first infoUsed count.
const (
	InfoSize = 128
	infoUsed = 48
)

// Info is what is known of one signal: siginfo_t.
type Info struct {
	Signo, Errno, Code int32
	// Payload is bytes 16 to 47 of siginfo_t; which fields it holds depends on Code.
	Payload [4]uint64
	// UID is the user whose RLIMIT_SIGPENDING a queued signal counts against,
	// when Charged.
	UID     uint32
	Charged bool
}

// User is a signal sent by kill(2), tgkill(2) and the like.
func User(signo, code, pid int32, uid uint32) Info {
	return Info{Signo: signo, Code: code, Payload: [4]uint64{uint64(uint32(pid)) | uint64(uid)<<32}}
}

// Kernel is a signal of the kernel's own.
func Kernel(signo int32) Info { return Info{Signo: signo, Code: SIKernel} }

// Fault is a signal about an address.
func Fault(signo, code int32, address uint64) Info {
	return Info{Signo: signo, Code: code, Payload: [4]uint64{address}}
}

// Child is SIGCHLD; times are in clock ticks.
func Child(code, pid int32, uid uint32, status int32, user, system uint64) Info {
	return Info{Code: code, Payload: [4]uint64{
		uint64(uint32(pid)) | uint64(uid)<<32, uint64(uint32(status)), user, system,
	}}
}

// Timer is a signal of a POSIX timer.
func Timer(signo, number, overrun int32, value uint64) Info {
	return Info{Signo: signo, Code: SITimer, Payload: [4]uint64{
		uint64(uint32(number)) | uint64(uint32(overrun))<<32, value,
	}}
}

// IO is a signal about a descriptor (F_SETSIG).
func IO(signo, code int32, band int64, fd int32) Info {
	return Info{Signo: signo, Code: code, Payload: [4]uint64{uint64(band), uint64(uint32(fd))}}
}

// PID and Sender UID of a signal that carries them.
func (i *Info) PID() int32 { return int32(uint32(i.Payload[0])) }

// SenderUID is the real user id of the sender.
func (i *Info) SenderUID() uint32 { return uint32(i.Payload[0] >> 32) }

// SetSender replaces pid and uid.
func (i *Info) SetSender(pid int32, uid uint32) {
	i.Payload[0] = uint64(uint32(pid)) | uint64(uid)<<32
}

// Status is the status of a Child.
func (i *Info) Status() int32 { return int32(uint32(i.Payload[1])) }

// Value is the value of a queued signal.
func (i *Info) Value() uint64 { return i.Payload[1] }

// SetValue sets it.
func (i *Info) SetValue(v uint64) { i.Payload[1] = v }

// TimerNumber is the timer of a Timer.
func (i *Info) TimerNumber() int32 { return int32(uint32(i.Payload[0])) }

// SetOverrun sets the overrun count of a Timer.
func (i *Info) SetOverrun(n int32) {
	i.Payload[0] = i.Payload[0]&0xffffffff | uint64(uint32(n))<<32
}

// FromKernel reports whether nobody but the kernel can have sent it.
func (i *Info) FromKernel() bool { return i.Code > 0 }

// Put writes siginfo_t.
func (i *Info) Put(b *[InfoSize]byte) {
	le := binary.LittleEndian
	le.PutUint32(b[0:], uint32(i.Signo))
	le.PutUint32(b[4:], uint32(i.Errno))
	le.PutUint32(b[8:], uint32(i.Code))
	le.PutUint32(b[12:], 0)
	le.PutUint64(b[16:], i.Payload[0])
	le.PutUint64(b[24:], i.Payload[1])
	le.PutUint64(b[32:], i.Payload[2])
	le.PutUint64(b[40:], i.Payload[3])
	clear(b[infoUsed:])
}

// Get reads siginfo_t as a program passes it. ok is false when there is
// something in the bytes that Linux does not carry (E2BIG).
func Get(b *[InfoSize]byte) (i Info, ok bool) {
	le := binary.LittleEndian
	i.Signo = int32(le.Uint32(b[0:]))
	i.Errno = int32(le.Uint32(b[4:]))
	i.Code = int32(le.Uint32(b[8:]))
	for k := range i.Payload {
		i.Payload[k] = le.Uint64(b[16+8*k:])
	}
	for _, c := range b[infoUsed:] {
		if c != 0 {
			return i, false
		}
	}
	return i, true
}

// Export gives the state of i.
func (i *Info) Export() *state.SignalInfoT {
	return &state.SignalInfoT{Signo: i.Signo, Errno: i.Errno, Code: i.Code,
		P0: i.Payload[0], P1: i.Payload[1], P2: i.Payload[2], P3: i.Payload[3], Uid: i.UID, Charged: i.Charged}
}

// ImportInfo makes an Info of its state.
func ImportInfo(t *state.SignalInfoT) Info {
	return Info{Signo: t.Signo, Errno: t.Errno, Code: t.Code,
		Payload: [4]uint64{t.P0, t.P1, t.P2, t.P3}, UID: t.Uid, Charged: t.Charged}
}

// PutFD writes struct signalfd_siginfo (signalfd(2)), which spreads the payload by where the
// signal came from.
func (i *Info) PutFD(b *[128]byte) {
	le := binary.LittleEndian
	clear(b[:])
	le.PutUint32(b[0:], uint32(i.Signo))
	le.PutUint32(b[4:], uint32(i.Errno))
	le.PutUint32(b[8:], uint32(i.Code))
	low, high := uint32(i.Payload[0]), uint32(i.Payload[0]>>32)
	sender := func() {
		le.PutUint32(b[12:], low)
		le.PutUint32(b[16:], high)
	}
	switch {
	case i.Code == SITimer:
		le.PutUint32(b[24:], low)
		le.PutUint32(b[32:], high)
		i.putValue(b)
	case i.Code < 0:
		sender()
		i.putValue(b)
	case i.Code == SIUser || i.Code == SIKernel:
		sender()
	case i.Signo == sigCHLD:
		sender()
		le.PutUint32(b[40:], uint32(i.Payload[1]))
		le.PutUint64(b[56:], i.Payload[2])
		le.PutUint64(b[64:], i.Payload[3])
	case i.Signo == sigPOLL:
		le.PutUint32(b[28:], low)
		le.PutUint32(b[20:], uint32(i.Payload[1]))
	default:
		le.PutUint64(b[72:], i.Payload[0])
		if i.Signo == sigBUS {
			le.PutUint16(b[80:], uint16(i.Payload[1]))
		}
	}
}

func (i *Info) putValue(b *[128]byte) {
	binary.LittleEndian.PutUint32(b[44:], uint32(i.Payload[1]))
	binary.LittleEndian.PutUint64(b[48:], i.Payload[1])
}

const (
	sigBUS  = 7
	sigCHLD = 17
	sigPOLL = 29
)
