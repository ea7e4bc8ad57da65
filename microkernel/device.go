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

func (k *kernel) callInterruptMint(t *thread, c *capability) ipc.Error {
	if t.Argument(1) >= uint64(cpu.Lines()) {
		return ipc.ErrInvalid
	}
	return k.give(t, capability{kind: capInterrupt, badge: t.Argument(1)})
}

func (k *kernel) callInterruptBind(t *thread, c *capability) ipc.Error {
	var e *endpoint
	if h := t.Argument(1); h != 0 {
		to, err := k.find(t, h, capEndpoint, rightReceive)
		if err != 0 {
			return err
		}
		e = to.endpoint()
	}
	old := k.lines[c.badge].to
	k.lines[c.badge] = line{e.use(), t.Argument(2)}
	cpu.LineMask(int(c.badge), e == nil)
	k.dropEndpoint(old)
	return 0
}

func (k *kernel) callInterruptAck(t *thread, c *capability) ipc.Error {
	if k.lines[c.badge].to == nil {
		return ipc.ErrState
	}
	cpu.LineMask(int(c.badge), false)
	return 0
}

// port checks that an access is covered by the capability.
func port(t *thread, c *capability, size uint64) (uint16, ipc.Error) {
	p, first, count := t.Argument(1), c.badge&0xffffffff, c.badge>>32
	if size != 1 && size != 2 && size != 4 || p < first || p >= first+count || size > first+count-p {
		return 0, ipc.ErrInvalid
	}
	return uint16(p), 0
}

func (k *kernel) callPortIn(t *thread, c *capability) ipc.Error {
	p, err := port(t, c, t.Argument(2))
	if err == 0 {
		t.SetResults(0, uint64(cpu.PortRead(p, int(t.Argument(2)))), 0)
	}
	return err
}

func (k *kernel) callPortOut(t *thread, c *capability) ipc.Error {
	p, err := port(t, c, t.Argument(2))
	if err == 0 {
		cpu.PortWrite(p, int(t.Argument(2)), uint32(t.Argument(3)))
	}
	return err
}

func (k *kernel) callPortOutString(t *thread, c *capability) ipc.Error {
	p, err := port(t, c, 1)
	if err != 0 {
		return err
	}
	n := t.Argument(2)
	if n > ipc.MessageSize {
		return ipc.ErrTruncated
	}
	cpu.PortWriteString(p, t.server.buffer[:n])
	return 0
}
