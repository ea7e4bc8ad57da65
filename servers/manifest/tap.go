package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// TapWires is every wire of a manifest that can run through a lab, as FROM>TO.
func (m *Manifest) TapWires() (names []string) {
	for _, s := range m.Servers {
		if s.Role == Pager || s.Role == Personality {
			names = append(names, ProgramsName+">"+s.Name)
		}
	}
	for _, w := range m.Wires {
		if name := w.From + ">" + w.To; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Tap is a manifest in which some wires, FROM>TO, run through labs. On those from programs the first threads, spare of
// them, are left alone. A personality that dies is started again.
func Tap(text []byte, wires []string, spare int) ([]byte, error) {
	m, err := Parse(text)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	top := document.Content[0]
	list := entry(top, "wires")
	for _, name := range wires {
		if !slices.Contains(m.TapWires(), name) {
			return nil, fmt.Errorf("no wire %s; there are: %s", name, strings.Join(m.TapWires(), ", "))
		}
		from, to, _ := strings.Cut(name, ">")
		if from == ProgramsName {
			list.Content = append(list.Content, mapping("from", from, "to", to, "spare", strconv.Itoa(spare)))
		}
		for _, w := range list.Content {
			if entry(w, "from").Value == from && entry(w, "to").Value == to && entry(w, "lab") == nil {
				w.Content = append(w.Content, mapping("lab", "true").Content...)
			}
		}
	}
	for _, s := range entry(top, "servers").Content {
		if role := entry(s, "role"); role != nil && role.Value == "personality" && entry(s, "restarts") == nil {
			if r := entry(s, "restart"); r != nil {
				r.Value = "always"
				s.Content = append(s.Content, mapping("restarts", "3").Content...)
			}
		}
	}
	out, err := yaml.Marshal(&document)
	if err != nil {
		return nil, err
	}
	_, err = Parse(out)
	return out, err
}

// entry is the value of a key, nil when the mapping has none.
func entry(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// mapping makes a mapping of keys and values.
func mapping(words ...string) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for _, w := range words {
		m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: w})
	}
	return m
}
