package microkernel

import (
	"starling/arch/cpu"
	"starling/ipc"
)

// maxLines bounds the interrupt lines of a machine.
const maxLines = 256

// line is a device interrupt and where it goes.
type line struct {
	to   *endpoint
	bits uint64
}

// lineRaised notifies the driver of a line.
func (k *kernel) lineRaised(n int) {
	if l := &k.lines[n]; l.to != nil {
		k.notify(l.to, l.bits)
	}
}

func (k *kernel) callInterruptMint(t *thread) ipc.Error {
	if _, err := lookup(t, t.Argument(0), capInterrupts); err != 0 {
		return err
	}
	if t.Argument(1) >= uint64(cpu.Lines()) {
		return ipc.ErrInvalid
	}
	return k.give(t, capability{kind: capInterrupt, badge: t.Argument(1)})
}

func (k *kernel) callInterruptBind(t *thread) ipc.Error {
	c, err := lookup(t, t.Argument(0), capInterrupt)
	if err != 0 {
		return err
	}
	e := (*endpoint)(nil)
	if t.Argument(1) != 0 {
		if e, _, err = findEndpoint(t, t.Argument(1), rightReceive); err != 0 {
			return err
		}
		e.refs++
	}
	l := &k.lines[c.badge]
	old := l.to
	*l = line{e, t.Argument(2)}
	if e != nil {
		cpu.LineEnable(int(c.badge))
	} else {
		cpu.LineDisable(int(c.badge))
	}
	k.dropEndpoint(old)
	return 0
}

func (k *kernel) callInterruptAck(t *thread) ipc.Error {
	c, err := lookup(t, t.Argument(0), capInterrupt)
	if err != 0 {
		return err
	}
	if k.lines[c.badge].to == nil {
		return ipc.ErrState
	}
	cpu.LineEnable(int(c.badge))
	return 0
}

// ports checks that a port access is covered by the capability.
func ports(t *thread, size uint64) (uint16, ipc.Error) {
	c, err := lookup(t, t.Argument(0), capPorts)
	if err != 0 {
		return 0, err
	}
	port := t.Argument(1)
	first, count := c.badge&0xffffffff, c.badge>>32
	if size != 1 && size != 2 && size != 4 || port < first || port >= first+count || size > first+count-port {
		return 0, ipc.ErrInvalid
	}
	return uint16(port), 0
}

func (k *kernel) callPortIn(t *thread) ipc.Error {
	port, err := ports(t, t.Argument(2))
	if err == 0 {
		t.SetResults(0, uint64(cpu.PortRead(port, int(t.Argument(2)))), 0)
	}
	return err
}

func (k *kernel) callPortOut(t *thread) ipc.Error {
	port, err := ports(t, t.Argument(2))
	if err == 0 {
		cpu.PortWrite(port, int(t.Argument(2)), uint32(t.Argument(3)))
	}
	return err
}

func (k *kernel) callPortOutString(t *thread) ipc.Error {
	port, err := ports(t, 1)
	if err != 0 {
		return err
	}
	n := t.Argument(2)
	if n > ipc.MessageSize {
		return ipc.ErrTruncated
	}
	cpu.PortWriteString(port, t.server.buffer[:n])
	return 0
}
