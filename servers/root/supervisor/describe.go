package supervisor

import (
	"starling/ipc/control"
	"starling/ipc/supervise"
	"starling/servers/manifest"
)

// describeServers says what runs.
func (r *Root) describeServers() []control.Server {
	list := make([]control.Server, len(r.servers))
	for i, s := range r.servers {
		c := control.Server{
			Name: s.spec.Name, Build: s.now.name, Generation: s.generation, Restarts: s.starts - 1,
			Priority: int(s.spec.Priority), Heap: s.spec.Heap,
		}
		if s.spec.Swap {
			c.Builds = s.buildNames()
		}
		// Not in the middle of a swap: nobody would answer until its end.
		if s.spec.Role == manifest.Personality && r.ending.personality != 0 && !r.swapping() {
			if report, err := supervise.Ask(r.t, r.ending.personality, supervise.OpStats); err == nil {
				c.Text = report.Text
			}
		}
		list[i] = c
	}
	return list
}

// describeWires says who may call whom.
func (r *Root) describeWires() []control.Wire {
	list := make([]control.Wire, len(r.manifest.Wires))
	for i, w := range r.manifest.Wires {
		list[i] = control.Wire{From: w.From, To: w.To, Name: w.Name, Badge: w.Badge}
	}
	return list
}
