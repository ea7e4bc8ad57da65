package manifest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"starling/ipc"
)

const sample = `# two servers and a driver
memory:
  - {name: frames, size: 4M}
  - {name: tables, share: 1/20}
  - name: data
servers:
  - name: pager
    binary: pager
    role: pager
    heap: 8M
    eager: true
    space: true
    windows:
      - {memory: data, access: rw, grant: true}
      - {memory: image, access: rw}
  - name: console
    binary: console
    role: console
    priority: 0
    heap: 4M
    restart: always
    restarts: 3
    devices:
      - {name: com1, ports: 0x3f8-0x3ff}
      - {name: irq4, interrupt: 4}
wires:
  - {from: console, to: pager}
  - {from: root, to: console, badge: 0x1ffff}
  - {from: console, to: root, name: control}
`

func TestParse(t *testing.T) {
	m, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	want := &Manifest{
		Memory: []Memory{{Name: "frames", Bytes: 4 << 20}, {Name: "tables", Share: 20}, {Name: "data"}},
		Servers: []Server{
			{
				Name: "pager", Binary: "pager", Role: Pager, Priority: 1, Heap: 8 << 20, Eager: true, Space: true,
				Windows: []Window{
					{Memory: "data", Access: ipc.Read | ipc.Write, Grant: true},
					{Memory: "image", Access: ipc.Read | ipc.Write},
				},
			},
			{
				Name: "console", Binary: "console", Role: Console, Heap: 4 << 20, Restart: Always, Restarts: 3,
				Devices: []Device{
					{Name: "com1", Kind: Ports, First: 0x3f8, Count: 8},
					{Name: "irq4", Kind: Interrupt, First: 4, Count: 1},
				},
			},
		},
		Wires: []Wire{
			{From: "console", To: "pager", Name: "pager", Badge: 2},
			{From: "root", To: "console", Name: "console", Badge: 0x1ffff},
			{From: "console", To: "root", Name: "control", Badge: 2},
		},
	}
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
}

// Each row changes the sample in one place; the error must name that line and field.
func TestErrorsNameLineAndField(t *testing.T) {
	for _, c := range []struct {
		old, new, want string
	}{
		{"heap: 8M", "heap: 8X", `manifest line 10: servers[0].heap: "8X" is no size`},
		{"heap: 8M", "heap: 100", `line 10: servers[0].heap: "100" is not a multiple of 4096 bytes`},
		{"heap: 8M", "heep: 8M", `line 10: servers[0].heep: no such field; there are args, binary`},
		{"    heap: 8M\n", "", "line 7: servers[0]: heap is missing"},
		{"priority: 0", "priority: 3", `line 19: servers[1].priority: "3" is no number from 0 to 2`},
		{"role: console", "role: screen", `line 18: servers[1].role: "screen" is none of console, pager, personality`},
		{"role: console", "role: pager", `line 18: servers[1].role: "pager" has this role already`},
		{"name: console\n", "name: pager\n", `line 16: servers[1].name: there is already a server called "pager"`},
		{"name: console\n", "name: Console\n", `line 16: servers[1].name: "Console" is no name`},
		{"eager: true", "eager: yes", `line 11: servers[0].eager: "yes" is neither true nor false`},
		{"eager: true", "eager: false", `line 7: servers[0]: the pager cannot page itself`},
		{"memory: data, access", "memory: date, access", `line 14: servers[0].windows[0].memory: no memory is called "date"`},
		{"share: 1/20", "share: 5%", `line 4: memory[1].share: "5%" is no share`},
		{"- name: data", "- {name: data, share: 1/2, size: 4K}", `line 5: memory[2]: size and share exclude each other`},
		{"interrupt: 4", "interrupt: 4, ports: 1-2", `line 25: servers[1].devices[1]: needs one of ports, interrupt and registers`},
		{"0x3f8-0x3ff", "0x3f8-0x3f0", `line 24: servers[1].devices[0].ports: "0x3f8-0x3f0" is no span`},
		{"to: pager}", "to: linux}", `line 27: wires[0].to: no server is called "linux"`},
		{"name: control}", "name: pager}", `line 29: wires[2]: "console" already has a wire called "pager"`},
		{"restarts: 3", "restarts: 0", `line 16: servers[1]: restart: always needs restarts`},
		{"eager: true", "eager: true\n    eager: true", `line 12: servers[0].eager: stands twice`},
		{"wires:", "wires: 7\nother:", `line 26: wires: should be a list`},
		{"servers:", "servers: [\n", "line "},
	} {
		text := strings.Replace(sample, c.old, c.new, 1)
		if text == sample {
			t.Fatalf("%q is not in the sample", c.old)
		}
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q instead of %q:\n got %v\nwant %s", c.new, c.old, err, c.want)
		}
	}
}

func TestEmpty(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment\n", "---\n"} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if (m == nil) == (err == nil) {
			t.Fatalf("manifest %v, error %v", m, err)
		}
		var fault *Error
		if errors.As(err, &fault) && fault.Line < 1 {
			t.Fatalf("no line in %v", err)
		}
	})
}
