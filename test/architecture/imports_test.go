package architecture

import (
	"strings"
	"testing"
)

// room is one row of the table of docs/design.md. The first row whose folder a
// package is in counts.
type room struct {
	folder string
	may    []string // folders of ours that it may import
	not    []string // exceptions from those
	why    string
}

// wires are the parts of ipc that say how servers talk, without the two machines
// behind Transport and without the layout of registers.
var machines = []string{"ipc/machine", "ipc/sim", "ipc/frame"}

var rooms = []room{
	{"arch/overlay", []string{"arch/overlay"}, nil, "a build tool: it runs before anything of ours is compiled"},
	{"arch", []string{"arch", "ipc/frame"}, nil, "knows the processor and nothing of the project but the frame layout"},

	{"ipc/sim", []string{"ipc"}, []string{"ipc/machine"}, "a simulated kernel knows no server"},
	{"ipc", []string{"ipc"}, []string{"ipc/sim"}, "wires know nobody at either end"},

	{"microkernel", []string{"microkernel", "arch", "ipc"}, []string{"arch/overlay", "ipc/machine", "ipc/sim"}, "mechanisms only"},

	{"pager/cmd", []string{"pager", "ipc"}, []string{"ipc/sim"}, "the pager's main program"},
	{"pager", []string{"pager", "ipc"}, machines, "depends on nobody"},

	{"personality/cmd", []string{"personality", "pager/client", "pager/table", "arch/isa", "ipc"}, []string{"ipc/sim"}, "the personality's main program"},
	{"personality", []string{"personality", "pager/client", "pager/table", "arch/isa", "ipc"}, machines, "a state machine behind Transport; registers only through arch/isa"},

	{"servers/root", []string{"servers", "pager/client", "pager/table", "ipc"}, []string{"ipc/sim"}, "root is the pager's administrator"},
	{"servers", []string{"servers", "ipc"}, []string{"ipc/sim", "servers/root"}, "a server knows its wires"},

	{"images", []string{"images", "arch/overlay", "arch/amd64/boot", "ipc", "servers/manifest"}, []string{"ipc/machine", "ipc/sim"}, "composes images on the host"},
	{"cmd", []string{"cmd", "images", "arch/overlay", "ipc", "servers/manifest", "test/faults"}, []string{"ipc/machine"}, "host side only; the simulation is part of the product"},
	{"test", []string{"arch", "cmd", "images", "ipc", "microkernel", "pager", "personality", "servers", "test"}, nil, "anything"},
}

func roomOf(dir string) *room {
	for i := range rooms {
		if in(dir, rooms[i].folder) {
			return &rooms[i]
		}
	}
	return nil
}

// An import that points the other way is a design fault. Tests may use the
// harnesses and fakes of others.
func TestImportsPointTheRightWay(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		r := roomOf(s.dir)
		if r == nil {
			t.Errorf("%s: in no room of docs/design.md", s.path)
			continue
		}
		used[r.folder] = true
		if s.test {
			continue
		}
		for _, path := range s.imports() {
			dir, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			if !in(dir, r.may...) || in(dir, r.not...) && !in(s.dir, dir) {
				t.Errorf("%s imports %s; %s: %s", s.path, dir, r.folder, r.why)
			}
		}
	}
	for _, r := range rooms {
		if !used[r.folder] && r.folder != "personality/cmd" {
			t.Errorf("no package in %s: is the table right?", r.folder)
		}
	}
}

// Libraries that are not Go's own, and who may use them. What is not here is not used.
func TestLibrariesAreTheDecidedOnes(t *testing.T) {
	libraries := map[string][]string{
		"github.com/usbarmory/tamago":    {"arch", "microkernel"},
		"github.com/google/flatbuffers":  {"ipc", "images"},
		"github.com/cilium/ebpf":         {"personality", "cmd", "test"},
		"golang.org/x/arch":              {"personality", "arch", "ipc/sim", "cmd"},
		"golang.org/x/net":               {"personality"},
		"golang.org/x/sys":               {"personality", "ipc", "images", "cmd", "servers", "test"},
		"golang.org/x/term":              {"cmd"},
		"pgregory.net/rapid":             nil,
		"github.com/google/go-cmp":       nil,
		"github.com/u-root/uio":          {"images"},
		"github.com/u-root/u-root":       {"images"},
		"github.com/cavaliergopher/cpio": {"images"},
		"mvdan.cc/sh/v3/expand":          {"images/tree"},
		"mvdan.cc/sh/v3/interp":          {"images/tree"},
		"mvdan.cc/sh/v3/syntax":          {"images/tree"},
		"gopkg.in/yaml.v3":               {"servers/manifest", "images", "cmd"},
		"github.com/goccy/go-yaml":       {"servers/manifest", "images", "cmd"},
		"github.com/spf13/cobra":         {"cmd"},
		"github.com/spf13/pflag":         {"cmd"},
		"github.com/urfave/cli":          {"cmd"},
		"github.com/vbauerster/mpb":      {"cmd"},
		"github.com/schollz/progressbar": {"cmd"},
		"github.com/ulikunitz/xz":        {"images"},
		"github.com/klauspost/compress":  {"images"},
	}
	for _, s := range sources(t) {
		for _, path := range s.imports() {
			first, _, _ := strings.Cut(path, "/")
			if !strings.Contains(first, ".") {
				continue // ours, or Go's
			}
			known := false
			for name, users := range libraries {
				if in(path, name) {
					known = s.test || strings.HasSuffix(s.dir, "test") || in(s.dir, users...)
				}
			}
			if !known {
				t.Errorf("%s imports %s: not decided for this room", s.path, path)
			}
		}
	}
}
