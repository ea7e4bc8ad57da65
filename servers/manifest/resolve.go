package manifest

import "starling/ipc/supervise"

// resolve checks what the parts of a manifest say about each other.
func (p *parser) resolve() error {
	if err := p.resolveMemory(); err != nil {
		return err
	}
	if err := p.resolveServers(); err != nil {
		return err
	}
	if err := p.resolveWires(); err != nil {
		return err
	}
	p.addLabs()
	return nil
}

func (p *parser) resolveMemory() error {
	seen := map[string]bool{ImageName: true}
	rest := 0
	var shares float64
	for i, m := range p.m.Memory {
		at := p.memoryAt[i]
		if seen[m.Name] {
			return at.at("name").fault("there is already memory called %q", m.Name)
		}
		seen[m.Name] = true
		if m.Rest() {
			if rest++; rest > 1 {
				return at.fault("two parts without size and share: only one can take the rest")
			}
		} else if m.Share > 0 {
			if shares += 1 / float64(m.Share); shares >= 1 {
				return at.at("share").fault("the shares leave nothing")
			}
		}
	}
	for i, s := range p.m.Servers {
		for j, w := range s.Windows {
			if !seen[w.Memory] {
				return p.windowAt[p.m.Servers[i].Name][j].at("memory").fault("no memory is called %q", w.Memory)
			}
		}
	}
	return nil
}

func (p *parser) resolveServers() error {
	names := map[string]bool{RootName: true, ProgramsName: true}
	roles := map[Role]string{}
	for i, s := range p.m.Servers {
		at := p.serverAt[i]
		if names[s.Name] {
			return at.at("name").fault("there is already a server called %q", s.Name)
		}
		names[s.Name] = true
		if s.Role != NoRole {
			if other, taken := roles[s.Role]; taken {
				return at.at("role").fault("%q has this role already", other)
			}
			roles[s.Role] = s.Name
		}
		if s.Role == Pager && !s.Eager {
			return at.fault("the pager cannot page itself: eager must be true")
		}
		if s.Restart == Shutdown && s.Restarts != 0 {
			return at.at("restarts").fault("counts restarts, but restart is not always")
		}
		if s.Restart == Always && s.Restarts == 0 {
			return at.fault("restart: always needs restarts, the number of times")
		}
		if err := p.resolveSwap(&s, at); err != nil {
			return err
		}
		devices := map[string]bool{}
		for _, d := range s.Devices {
			if devices[d.Name] {
				return at.at("devices").fault("two devices called %q", d.Name)
			}
			devices[d.Name] = true
		}
	}
	// Demand-zero heaps come from the pager, which must therefore come first.
	paged := false
	for i, s := range p.m.Servers {
		if s.Role == Pager {
			paged = true
		}
		if (!s.Eager || len(s.View) > 0) && !paged {
			return p.serverAt[i].fault("its heap or view comes from the pager, so it must stand after the pager")
		}
	}
	return nil
}

// resolveSwap checks what lets two instances of a server exist side by side.
func (p *parser) resolveSwap(s *Server, at value) error {
	switch {
	case !s.Swap && len(s.Builds) > 0:
		return at.at("builds").fault("builds are for swapping, but swap is not true")
	case !s.Swap && s.Hang > 0:
		return at.at("hang").fault("signs of life come from servers that can be swapped, but swap is not true")
	case s.Swap && (s.Role == Pager || s.Role == Console || len(s.Devices) > 0):
		return at.at("swap").fault("pagers, consoles and drivers cannot be swapped")
	}
	names := map[string]bool{}
	for _, b := range s.AllBuilds() {
		if names[b.Name] {
			return at.at("builds").fault("there is already a build called %q", b.Name)
		}
		names[b.Name] = true
	}
	if !s.Swap {
		return nil
	}
	for _, w := range p.m.Wires {
		if w.From == s.Name && w.To == RootName && w.Name == supervise.Wire {
			return nil
		}
	}
	return at.at("swap").fault("a server that can be swapped needs a wire to root, called %q", supervise.Wire)
}

func (p *parser) resolveWires() error {
	number := map[string]int{RootName: 0}
	for i, s := range p.m.Servers {
		number[s.Name] = i + 1
	}
	seen := map[[2]string]bool{}
	for i := range p.m.Wires {
		w, at := &p.m.Wires[i], p.wireAt[i]
		from, ok := number[w.From]
		if !ok && w.From != ProgramsName {
			return at.at("from").fault("no server is called %q", w.From)
		}
		if w.Spare != 0 && w.From != ProgramsName {
			return at.at("spare").fault("only the traps of programs come from threads that can be spared")
		}
		if w.From == ProgramsName {
			if err := p.resolveTraps(w, at); err != nil {
				return err
			}
			w.Name = w.From + "-" + w.To
		}
		if _, ok := number[w.To]; !ok {
			return at.at("to").fault("no server is called %q", w.To)
		}
		if w.From == w.To {
			return at.fault("a wire from %q to itself", w.From)
		}
		if seen[[2]string{w.From, w.Name}] {
			return at.fault("%q already has a wire called %q", w.From, w.Name)
		}
		seen[[2]string{w.From, w.Name}] = true
		if w.Badge == 0 {
			w.Badge = uint64(from)
			if w.From == RootName {
				w.Badge = supervise.Badge
			}
		}
	}
	return nil
}
