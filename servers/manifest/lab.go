package manifest

import (
	"strconv"

	"starling/ipc"
)

// ProgramsName stands for all programs in wires: their traps, which no wire of a manifest is needed for unless it
// runs through a lab.
const ProgramsName = "program"

// LabBinary is the program of every lab.
const LabBinary = "lab"

// labHeap in bytes. It is there from the start: labs run before the pager does, and do not depend on it.
const labHeap = 8 << 20

// Lab says which wire a server stands in: it is no server of the manifest's list, but comes from a wire with "lab".
type Lab struct{ From, To string }

// LabOf finds the lab that a wire runs through.
func (m *Manifest) LabOf(w Wire) (name string, ok bool) { return "lab-" + w.From + "-" + w.To, w.Lab }

// addLabs puts a server before all others for each pair of servers with a wire that runs through a lab.
func (p *parser) addLabs() {
	var labs []Server
	known := map[string]bool{}
	for _, w := range p.m.Wires {
		name, ok := p.m.LabOf(w)
		if !ok || known[name] {
			continue
		}
		known[name] = true
		s := Server{
			Name: name, Binary: LabBinary, Heap: labHeap, Eager: true, Lab: &Lab{w.From, w.To},
			Args:    []string{w.From, w.To, strconv.Itoa(w.Spare)},
			Windows: []Window{{Memory: ImageName, Access: ipc.Read}},
		}
		if w.From == ProgramsName {
			for _, f := range p.frames() {
				s.Windows = append(s.Windows, f)
				s.Args = append(s.Args, f.Memory)
			}
		}
		labs = append(labs, s)
	}
	p.m.Servers = append(labs, p.m.Servers...)
}

// frames is where the frames of programs are: one window at most.
func (p *parser) frames() []Window {
	for _, s := range p.m.Servers {
		for _, w := range s.Windows {
			if w.Frames {
				return []Window{{Memory: w.Memory, Access: ipc.Read | ipc.Write, Frames: true}}
			}
		}
	}
	return nil
}

// resolveTraps checks a wire from programs.
func (p *parser) resolveTraps(w *Wire, at value) error {
	to, ok := p.m.Server(w.To)
	switch {
	case !ok || to.Role != Pager && to.Role != Personality:
		return at.at("to").fault("programs trap to the pager and to personalities only")
	case !w.Lab:
		return at.fault("the traps of programs need no wire, unless it runs through a lab")
	}
	return nil
}
