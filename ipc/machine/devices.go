package machine

import (
	"unsafe"

	"starling/ipc"
	"starling/ipc/callnum"
)

// InterruptMint makes a capability for one interrupt line out of the one for all.
func (t *Transport) InterruptMint(interrupts ipc.Handle, line uint64) (ipc.Handle, error) {
	return t.handle(callnum.InterruptMint, uint64(interrupts), line)
}

// InterruptBind implements ipc.Transport.
func (t *Transport) InterruptBind(interrupt, endpoint ipc.Handle, bits uint64) error {
	return t.call(callnum.InterruptBind, uint64(interrupt), uint64(endpoint), bits, 0)
}

// InterruptAck implements ipc.Transport.
func (t *Transport) InterruptAck(interrupt ipc.Handle) error {
	return t.call(callnum.InterruptAck, uint64(interrupt), 0, 0, 0)
}

// PortIn implements ipc.Transport.
func (t *Transport) PortIn(ports ipc.Handle, port uint16, size int) (uint32, error) {
	if err := t.call(callnum.PortIn, uint64(ports), uint64(port), uint64(size), 0); err != nil {
		return 0, err
	}
	return uint32(t.regs.a2), nil
}

// PortOut implements ipc.Transport.
func (t *Transport) PortOut(ports ipc.Handle, port uint16, size int, v uint32) error {
	return t.call(callnum.PortOut, uint64(ports), uint64(port), uint64(size), uint64(v))
}

// PortOutString implements ipc.Transport.
func (t *Transport) PortOutString(ports ipc.Handle, port uint16, n int) error {
	return t.call(callnum.PortOutString, uint64(ports), uint64(port), uint64(n), 0)
}

// Log implements ipc.Transport.
func (t *Transport) Log(s string) {
	_ = t.flush() // a log line must not fail because of the reply before it
	var w [callnum.LogBytes / 8]uint64
	b := unsafe.Slice((*byte)(unsafe.Pointer(&w[0])), callnum.LogBytes)
	for len(s) > 0 {
		w = [callnum.LogBytes / 8]uint64{}
		n := copy(b, s)
		s = s[n:]
		t.regs = registers{number: callnum.Log, a0: uint64(n), a1: w[0], a2: w[1], a3: w[2], a4: w[3], a5: w[4]}
		t.enter()
	}
}

// Shutdown implements ipc.Transport.
func (t *Transport) Shutdown(machine ipc.Handle, code int) error {
	return t.call(callnum.Shutdown, uint64(machine), uint64(code), 0, 0)
}
