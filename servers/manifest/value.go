package manifest

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"starling/ipc"
)

// value is a node of the YAML tree and the path that leads to it.
type value struct {
	node  *yaml.Node
	field string
}

func (v value) fault(format string, args ...any) error {
	return &Error{Line: v.node.Line, Field: v.field, What: fmt.Sprintf(format, args...)}
}

// at is the value of a key of a mapping, or the mapping itself when it has no
// such key: the nearest place to point to.
func (v value) at(key string) value {
	for i := 0; i+1 < len(v.node.Content) && v.node.Kind == yaml.MappingNode; i += 2 {
		if v.node.Content[i].Value == key {
			return value{v.node.Content[i+1], v.field + "." + key}
		}
	}
	return v
}

// fields reads a mapping: every key must be known and stand once, and the
// required ones must be there.
func (p *parser) fields(v value, known map[string]func(value) error, required ...string) error {
	if v.node.Kind != yaml.MappingNode {
		return v.fault("should be a list of \"key: value\"")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key := v.node.Content[i]
		field := key.Value
		if v.field != "" {
			field = v.field + "." + field
		}
		at := value{key, field}
		read, ok := known[key.Value]
		if !ok {
			return at.fault("no such field; there are %s", strings.Join(sortedKeys(known), ", "))
		}
		if seen[key.Value] {
			return at.fault("stands twice")
		}
		seen[key.Value] = true
		if err := read(value{v.node.Content[i+1], field}); err != nil {
			return err
		}
	}
	for _, key := range required {
		if !seen[key] {
			return v.fault("%s is missing", key)
		}
	}
	return nil
}

// each reads a list of at most limit elements.
func (v value) each(limit int, read func(value) error) error {
	if v.node.Kind != yaml.SequenceNode {
		return v.fault("should be a list")
	}
	if len(v.node.Content) > limit {
		return v.fault("%d entries, at most %d fit", len(v.node.Content), limit)
	}
	for i, node := range v.node.Content {
		if err := read(value{node, v.field + "[" + strconv.Itoa(i) + "]"}); err != nil {
			return err
		}
	}
	return nil
}

func (v value) scalar() (string, error) {
	if v.node.Kind != yaml.ScalarNode || v.node.Tag == "!!null" {
		return "", v.fault("should be a single value")
	}
	return v.node.Value, nil
}

func (value) text(to *string) func(value) error {
	return func(v value) (err error) {
		if *to, err = v.scalar(); err == nil && *to == "" {
			err = v.fault("is empty")
		}
		return err
	}
}

func (value) texts(to *[]string) func(value) error {
	return func(v value) error {
		return v.each(ipc.MaxGrants, func(v value) error {
			s, err := v.scalar()
			*to = append(*to, s)
			return err
		})
	}
}

// name reads what becomes the name of a grant.
func (value) name(to *string) func(value) error {
	return func(v value) (err error) {
		if *to, err = v.scalar(); err != nil {
			return err
		}
		valid := len(*to) > 0 && len(*to) <= ipc.GrantNameSize-4 // room for a number behind it
		for _, c := range *to {
			valid = valid && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
		}
		if !valid {
			return v.fault("%q is no name: 1 to %d of a-z, 0-9 and -", *to, ipc.GrantNameSize-4)
		}
		return nil
	}
}

func (value) truth(to *bool) func(value) error {
	return func(v value) error {
		switch s, err := v.scalar(); {
		case err != nil:
			return err
		case s == "true":
			*to = true
		case s == "false":
			*to = false
		default:
			return v.fault("%q is neither true nor false", s)
		}
		return nil
	}
}

func choose[T any](to *T, choices map[string]T) func(value) error {
	return func(v value) error {
		s, err := v.scalar()
		if err != nil {
			return err
		}
		chosen, ok := choices[s]
		if !ok {
			return v.fault("%q is none of %s", s, strings.Join(sortedKeys(choices), ", "))
		}
		*to = chosen
		return nil
	}
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// size reads bytes with an optional K, M or G, a multiple of the page size.
func (v value) size(to *uint64) error {
	s, err := v.scalar()
	if err != nil {
		return err
	}
	n, err := ParseSize(s)
	if err != nil {
		return v.fault("%v", err)
	}
	if n == 0 || n%ipc.PageSize != 0 {
		return v.fault("%q is not a multiple of %d bytes", s, ipc.PageSize)
	}
	*to = n
	return nil
}

// ParseSize reads a number of bytes with an optional K, M or G.
func ParseSize(s string) (uint64, error) {
	digits, shift := s, 0
	if len(s) > 0 {
		switch s[len(s)-1] {
		case 'k', 'K':
			shift = 10
		case 'm', 'M':
			shift = 20
		case 'g', 'G':
			shift = 30
		}
		if shift != 0 {
			digits = s[:len(s)-1]
		}
	}
	n, err := strconv.ParseUint(digits, 0, 64)
	if err != nil || n > (1<<50)>>shift {
		return 0, fmt.Errorf("%q is no size: a number of bytes, with K, M or G behind it for units of 1024", s)
	}
	return n << shift, nil
}

// share reads "1/N".
func (v value) share(to *uint64) error {
	s, err := v.scalar()
	if err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(s, "1/")
	n, err := strconv.ParseUint(rest, 10, 32)
	if !ok || err != nil || n < 2 {
		return v.fault("%q is no share: 1/2, 1/3, ...", s)
	}
	*to = n
	return nil
}

// number reads a number from 0 to limit into an integer of any size.
func (v value) number(to any, limit uint64) error {
	s, err := v.scalar()
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil || n > limit {
		return v.fault("%q is no number from 0 to %d", s, limit)
	}
	switch to := to.(type) {
	case *uint8:
		*to = uint8(n)
	case *int:
		*to = int(n)
	case *uint64:
		*to = n
	default:
		panic("manifest: number of a type that no field has")
	}
	return nil
}

// span reads "FIRST-LAST" below limit.
func (v value) span(first, count *uint64, limit uint64) error {
	s, err := v.scalar()
	if err != nil {
		return err
	}
	a, b, ok := strings.Cut(s, "-")
	low, errLow := strconv.ParseUint(strings.TrimSpace(a), 0, 64)
	high, errHigh := strconv.ParseUint(strings.TrimSpace(b), 0, 64)
	if !ok || errLow != nil || errHigh != nil || high < low || high >= limit {
		return v.fault("%q is no span FIRST-LAST below %#x", s, limit)
	}
	*first, *count = low, high-low+1
	return nil
}
