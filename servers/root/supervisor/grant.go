package supervisor

import (
	"fmt"

	"starling/ipc"
	"starling/ipc/supervise"
	"starling/servers/manifest"
)

// interruptMinter is a transport that can single out one interrupt line.
type interruptMinter interface {
	InterruptMint(all ipc.Handle, line uint64) (ipc.Handle, error)
}

// grantAll gives a server every capability that the manifest names for it.
func (r *Root) grantAll(s *instance, info *ipc.ServerInfo) error {
	g := granter{r: r, s: s, info: info}
	g.copy("self", ipc.Grant{Handle: s.endpoint, Kind: ipc.GrantEndpoint})
	if s.orders != 0 {
		g.copy(supervise.InstanceWire, ipc.Grant{Handle: s.orders, Kind: ipc.GrantEndpoint})
	}
	if s.spec.Space {
		g.copy("space", ipc.Grant{Handle: s.space, Kind: ipc.GrantSpace})
	}
	for _, d := range s.spec.Devices {
		g.device(d)
	}
	for _, w := range s.spec.Windows {
		g.window(w)
	}
	for _, v := range s.spec.View {
		if v == manifest.ViewImage {
			g.name(manifest.ImageName, ipc.Grant{Kind: ipc.GrantMemory, Base: r.image.base, Size: r.image.pages * pageSize})
		}
	}
	for _, name := range s.spec.Files {
		g.file(name)
	}
	for _, w := range r.manifest.Wires {
		if w.From == s.spec.Name {
			g.wire(w)
		}
	}
	if s.spec.Lab != nil {
		g.lab()
	}
	g.taps()
	return g.err
}

// granter gives capabilities until one fails.
type granter struct {
	r    *Root
	s    *instance
	info *ipc.ServerInfo
	err  error
}

// copy copies root's capability into the server's table and names it.
func (g *granter) copy(name string, grant ipc.Grant) {
	if g.err != nil {
		return
	}
	err := g.r.memory.retry(func() (err error) {
		grant.Handle, err = g.r.t.CapCopy(g.s.thread, grant.Handle)
		return err
	})
	if err != nil {
		g.err = fmt.Errorf("capability %s: %w", name, err)
		return
	}
	g.name(name, grant)
}

// once copies a capability that root has no further use for.
func (g *granter) once(name string, grant ipc.Grant) {
	own := grant.Handle
	g.copy(name, grant)
	_ = g.r.t.CapDelete(own)
}

func (g *granter) name(name string, grant ipc.Grant) {
	if g.err != nil {
		return
	}
	if err := g.info.AddGrant(name, grant); err != nil {
		g.err = fmt.Errorf("capability %s: %w", name, err)
	}
}

func (g *granter) device(d manifest.Device) {
	switch d.Kind {
	case manifest.Ports:
		for _, p := range g.r.ports {
			if d.First >= p.Base && d.First+d.Count <= p.Base+p.Size {
				g.copy(d.Name, ipc.Grant{Handle: p.Handle, Kind: ipc.GrantPorts, Base: d.First, Size: d.Count})
				return
			}
		}
		g.fail("device %s: root has no ports %#x to %#x", d.Name, d.First, d.First+d.Count-1)
	case manifest.Interrupt:
		minter, ok := g.r.t.(interruptMinter)
		if !ok || g.r.interrupts == 0 {
			g.fail("device %s: root has no interrupts", d.Name)
			return
		}
		h, err := minter.InterruptMint(g.r.interrupts, d.First)
		if err != nil {
			g.fail("device %s: interrupt %d: %w", d.Name, d.First, err)
			return
		}
		g.once(d.Name, ipc.Grant{Handle: h, Kind: ipc.GrantInterrupt, Base: d.First, Size: 1})
	case manifest.Registers:
		g.registers(d)
	}
}

// registers maps a device's memory into the server's window. The server gets no
// capability: root's covers all devices.
func (g *granter) registers(d manifest.Device) {
	for _, p := range g.r.info.All() {
		if p.Kind != ipc.GrantDevice || d.First < p.Base || d.First+d.Count > p.Base+p.Size {
			continue
		}
		all := piece{p.Handle, p.Base, p.Size / pageSize}
		err := g.r.memory.mapRange(g.s.space, ipc.WindowAddress+d.First, all, (d.First-p.Base)/pageSize, d.Count/pageSize, ipc.Read|ipc.Write)
		if err != nil {
			g.fail("device %s: %w", d.Name, err)
		}
		g.name(d.Name, ipc.Grant{Kind: ipc.GrantDevice, Base: d.First, Size: d.Count})
		return
	}
	g.fail("device %s: root has no registers at %#x", d.Name, d.First)
}

func (g *granter) fail(format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf(format, args...)
	}
}

// window names memory; several pieces of one name get a number behind it.
func (g *granter) window(w manifest.Window) {
	pieces := g.r.parts[w.Memory]
	many := false
	for _, m := range g.r.manifest.Memory {
		many = many || m.Name == w.Memory && m.Rest()
	}
	for i, p := range pieces {
		name := w.Memory
		if many {
			name = fmt.Sprintf("%s%d", w.Memory, i)
		}
		grant := ipc.Grant{Kind: ipc.GrantMemory, Base: p.base, Size: p.pages * pageSize}
		if !w.Grant {
			g.name(name, grant)
			continue
		}
		grant.Handle = p.handle
		g.copy(name, grant)
	}
}

// file tells the server where a file of the boot image lies.
func (g *granter) file(name string) {
	e, ok := g.r.bundle.Find(name)
	if !ok {
		g.fail("file %q is not in the boot image", name)
		return
	}
	g.name(name, ipc.Grant{Kind: ipc.GrantMemory, Base: g.r.image.base + e.Offset, Size: e.Size})
}

// wire gives the right to call and notify another server, or root.
func (g *granter) wire(w manifest.Wire) {
	h, err := g.r.mint(g.r.end(w), w.Badge)
	if err != nil {
		g.fail("wire %s: %w", w.Name, err)
		return
	}
	grant := ipc.Grant{Handle: h, Kind: ipc.GrantWire, Base: w.Badge}
	if w.Lab {
		grant.Size = ipc.WireTapped
	}
	g.once(w.Name, grant)
}
