package sim

import "starling/ipc"

// Ports is a simulated device with I/O ports.
type Ports interface {
	In(port uint16, size int) uint32
	Out(port uint16, size int, v uint32)
}

type portRange struct {
	first, count uint16
	device       Ports
}

func (*portRange) gone() bool { return false }

type interrupt struct {
	endpoint *endpoint
	bits     uint64
	masked   bool
	raised   bool // came while masked
}

func (*interrupt) gone() bool { return false }

// GivePorts puts a device at ports first.. and gives tr the right to them.
func (tr *Transport) GivePorts(first, count uint16, device Ports) ipc.Handle {
	return tr.own(capability{kind: kindPorts, object: &portRange{first, count, device}})
}

// GiveInterrupt gives tr the interrupt with a number.
func (tr *Transport) GiveInterrupt(number int) ipc.Handle {
	return tr.own(capability{kind: kindInterrupt, object: tr.k.interrupt(number)})
}

func (k *Kernel) interrupt(number int) *interrupt {
	i := k.interrupts[number]
	if i == nil {
		i = &interrupt{masked: true}
		k.interrupts[number] = i
	}
	return i
}

// Raise is a device asserting its interrupt.
func (k *Kernel) Raise(number int) {
	i := k.interrupt(number)
	if i.masked || i.endpoint == nil {
		i.raised = true
		return
	}
	i.masked = true
	k.notify(i.endpoint, i.bits)
}

// InterruptBind implements ipc.Transport.
func (tr *Transport) InterruptBind(h, at ipc.Handle, bits uint64) error {
	tr.enter()
	i, _, err := find[*interrupt](tr, h, kindInterrupt)
	if err != nil {
		return err
	}
	if at == 0 {
		i.endpoint, i.masked = nil, true
		return nil
	}
	ep, err := tr.receiving(at)
	if err != nil {
		return err
	}
	i.endpoint, i.bits = ep, bits
	i.unmask(tr.k)
	return nil
}

// InterruptAck implements ipc.Transport.
func (tr *Transport) InterruptAck(h ipc.Handle) error {
	tr.enter()
	i, _, err := find[*interrupt](tr, h, kindInterrupt)
	if err != nil {
		return err
	}
	if i.endpoint == nil {
		return ipc.ErrState
	}
	i.unmask(tr.k)
	return nil
}

func (i *interrupt) unmask(k *Kernel) {
	i.masked = false
	if i.raised {
		i.raised = false
		i.masked = true
		k.notify(i.endpoint, i.bits)
	}
}

func (tr *Transport) port(h ipc.Handle, port uint16, size int) (Ports, error) {
	r, _, err := find[*portRange](tr, h, kindPorts)
	if err != nil {
		return nil, err
	}
	if size != 1 && size != 2 && size != 4 || port < r.first || int(port)+size > int(r.first)+int(r.count) {
		return nil, ipc.ErrInvalid
	}
	return r.device, nil
}

// PortIn implements ipc.Transport.
func (tr *Transport) PortIn(h ipc.Handle, port uint16, size int) (uint32, error) {
	tr.enter()
	d, err := tr.port(h, port, size)
	if err != nil {
		return 0, err
	}
	return d.In(port, size), nil
}

// PortOut implements ipc.Transport.
func (tr *Transport) PortOut(h ipc.Handle, port uint16, size int, v uint32) error {
	tr.enter()
	d, err := tr.port(h, port, size)
	if err != nil {
		return err
	}
	d.Out(port, size, v)
	return nil
}

// PortOutString implements ipc.Transport.
func (tr *Transport) PortOutString(h ipc.Handle, port uint16, n int) error {
	tr.enter()
	d, err := tr.port(h, port, 1)
	if err != nil {
		return err
	}
	if n < 0 || n > ipc.MessageSize {
		return ipc.ErrTruncated
	}
	for _, c := range tr.buffer[:n] {
		d.Out(port, 1, uint32(c))
	}
	return nil
}
