package manifest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"

	"starling/ipc"
)

// Error is one fault of a manifest.
type Error struct {
	Line  int    // 1 is the first
	Field string // such as "servers[2].priority"
	What  string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("manifest line %d: %s", e.Line, e.What)
	}
	return fmt.Sprintf("manifest line %d: %s: %s", e.Line, e.Field, e.What)
}

// Parse reads and checks a manifest.
func Parse(data []byte) (*Manifest, error) {
	var document yaml.Node
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &Error{Line: 1, What: "nothing in it"}
		}
		return nil, fmt.Errorf("manifest: %w", err) // YAML's own errors carry the line
	}
	if len(document.Content) != 1 {
		return nil, &Error{Line: 1, What: "nothing in it"}
	}
	m := &Manifest{}
	p := &parser{m: m}
	err := p.fields(value{document.Content[0], ""}, map[string]func(value) error{
		"memory":  p.memory,
		"servers": p.servers,
		"wires":   p.wires,
	}, "servers")
	if err != nil {
		return nil, err
	}
	if err := p.resolve(); err != nil {
		return nil, err
	}
	return m, nil
}

// parser remembers where things stood, for errors that show only in the whole.
type parser struct {
	m        *Manifest
	serverAt []value
	wireAt   []value
	windowAt map[string][]value // by server
	memoryAt []value
}

func (p *parser) memory(v value) error {
	return v.each(MaxMemory, func(v value) error {
		var m Memory
		err := p.fields(v, map[string]func(value) error{
			"name":  v.name(&m.Name),
			"size":  func(v value) error { return v.size(&m.Bytes) },
			"share": func(v value) error { return v.share(&m.Share) },
		}, "name")
		if err == nil && m.Bytes != 0 && m.Share != 0 {
			err = v.fault("size and share exclude each other")
		}
		p.m.Memory = append(p.m.Memory, m)
		p.memoryAt = append(p.memoryAt, v)
		return err
	})
}

func (p *parser) servers(v value) error {
	p.windowAt = map[string][]value{}
	return v.each(MaxServers, func(v value) error {
		s := Server{Priority: 1}
		var windows []value
		err := p.fields(v, map[string]func(value) error{
			"name":     v.name(&s.Name),
			"binary":   v.text(&s.Binary),
			"role":     choose(&s.Role, map[string]Role{"pager": Pager, "console": Console, "personality": Personality}),
			"priority": func(v value) error { return v.number(&s.Priority, 2) },
			"heap":     func(v value) error { return v.size(&s.Heap) },
			"eager":    v.truth(&s.Eager),
			"restart":  choose(&s.Restart, map[string]Restart{"shutdown": Shutdown, "always": Always}),
			"restarts": func(v value) error { return v.number(&s.Restarts, 1_000_000) },
			"hang":     func(v value) error { return v.number(&s.Hang, 86_400) },
			"space":    v.truth(&s.Space),
			"files":    v.texts(&s.Files),
			"args":     v.texts(&s.Args),
			"swap":     v.truth(&s.Swap),
			"builds": func(v value) error {
				return v.each(MaxBuilds, func(v value) error { return p.build(v, &s) })
			},
			"view": func(v value) error {
				return v.each(3, func(v value) error {
					var part View
					err := choose(&part, map[string]View{"data": ViewData, "tables": ViewTables, "image": ViewImage})(v)
					s.View = append(s.View, part)
					return err
				})
			},
			"devices": func(v value) error {
				return v.each(ipc.MaxGrants, func(v value) error { return p.device(v, &s) })
			},
			"windows": func(v value) error {
				return v.each(MaxMemory, func(v value) error {
					windows = append(windows, v)
					return p.window(v, &s)
				})
			},
		}, "name", "binary", "heap")
		p.m.Servers = append(p.m.Servers, s)
		p.serverAt = append(p.serverAt, v)
		p.windowAt[s.Name] = windows
		return err
	})
}

func (p *parser) build(v value, s *Server) error {
	var b Build
	err := p.fields(v, map[string]func(value) error{
		"name":   v.name(&b.Name),
		"binary": v.text(&b.Binary),
		"args":   v.texts(&b.Args),
	}, "name")
	if b.Binary == "" {
		b.Binary = b.Name
	}
	s.Builds = append(s.Builds, b)
	return err
}

func (p *parser) device(v value, s *Server) error {
	var d Device
	kinds := 0
	kind := func(k DeviceKind, read func(value) error) func(value) error {
		return func(v value) error {
			d.Kind = k
			kinds++
			return read(v)
		}
	}
	err := p.fields(v, map[string]func(value) error{
		"name":      v.name(&d.Name),
		"ports":     kind(Ports, func(v value) error { return v.span(&d.First, &d.Count, 1<<16) }),
		"registers": kind(Registers, func(v value) error { return v.span(&d.First, &d.Count, 1<<52) }),
		"interrupt": kind(Interrupt, func(v value) error {
			d.Count = 1
			return v.number(&d.First, 255)
		}),
	}, "name")
	switch {
	case err != nil:
	case kinds != 1:
		err = v.fault("needs one of ports, interrupt and registers")
	case d.Kind == Registers && (d.First|d.Count)%ipc.PageSize != 0:
		err = v.fault("registers must begin and end on page boundaries")
	}
	s.Devices = append(s.Devices, d)
	return err
}

func (p *parser) window(v value, s *Server) error {
	var w Window
	err := p.fields(v, map[string]func(value) error{
		"memory": v.text(&w.Memory),
		"access": choose(&w.Access, map[string]ipc.Access{"r": ipc.Read, "rw": ipc.Read | ipc.Write}),
		"frames": v.truth(&w.Frames),
		"grant":  v.truth(&w.Grant),
	}, "memory")
	switch {
	case err != nil:
	case w.Access == 0 && !w.Grant:
		err = v.fault("neither access nor grant: the window does nothing")
	case w.Frames && w.Access == 0:
		err = v.fault("frames without access")
	}
	s.Windows = append(s.Windows, w)
	return err
}

func (p *parser) wires(v value) error {
	return v.each(MaxWires, func(v value) error {
		var w Wire
		err := p.fields(v, map[string]func(value) error{
			"from":  v.text(&w.From),
			"to":    v.text(&w.To),
			"name":  v.name(&w.Name),
			"badge": func(v value) error { return v.number(&w.Badge, 1<<63) },
			"lab":   v.truth(&w.Lab),
			"spare": func(v value) error { return v.number(&w.Spare, 1_000_000) },
		}, "from", "to")
		if w.Name == "" {
			w.Name = w.To
		}
		p.m.Wires = append(p.m.Wires, w)
		p.wireAt = append(p.wireAt, v)
		return err
	})
}
