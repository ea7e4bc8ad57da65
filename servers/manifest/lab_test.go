package manifest

import (
	"slices"
	"strings"
	"testing"

	"starling/ipc"
)

const linux = `  - name: linux
    binary: linux
    role: personality
    heap: 4M
    restart: shutdown
    windows:
      - {memory: frames, access: rw, frames: true, grant: true}
`

// withLinux is the sample with a personality and its wires.
var withLinux = strings.Replace(sample, "wires:\n", linux+"wires:\n  - {from: linux, to: pager}\n  - {from: linux, to: console, badge: 5}\n", 1)

// A wire with a lab has one, which starts before all other servers and needs no pager.
func TestLabs(t *testing.T) {
	text := strings.Replace(withLinux, "{from: linux, to: pager}", "{from: linux, to: pager, lab: true}\n  - {from: program, to: linux, lab: true, spare: 2}", 1)
	m, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range m.Servers {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "lab-linux-pager lab-program-linux pager console linux" {
		t.Error(got)
	}
	calls, traps := m.Servers[0], m.Servers[1]
	if !calls.Eager || calls.Binary != LabBinary || *calls.Lab != (Lab{"linux", "pager"}) || strings.Join(calls.Args, " ") != "linux pager 0" {
		t.Errorf("%+v", calls)
	}
	if w := traps.Windows[1]; strings.Join(traps.Args, " ") != "program linux 2 frames" || !w.Frames || w.Access != ipc.Read|ipc.Write || w.Grant {
		t.Errorf("%+v", traps)
	}
	if !slices.Contains(m.Binaries(), LabBinary) {
		t.Error("nobody builds the lab")
	}
}

func TestWrongLabs(t *testing.T) {
	for wire, want := range map[string]string{
		"{from: program, to: linux}":                      "the traps of programs need no wire",
		"{from: program, to: console, lab: true}":         "programs trap to the pager and to personalities only",
		"{from: program, to: root, lab: true}":            "programs trap to the pager and to personalities only",
		"{from: console, to: linux, lab: 7}":              "lab",
		"{from: console, to: linux, lab: true, spare: 1}": "only the traps of programs",
	} {
		_, err := Parse([]byte(withLinux + "  - " + wire + "\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", wire, err)
		}
	}
}

// Tap puts labs into wires, and has a personality that dies started again.
func TestTap(t *testing.T) {
	wires := []string{"linux>pager", "program>linux", "console>root"}
	text, err := Tap([]byte(withLinux), wires, 3)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var tapped []string
	for _, w := range m.Wires {
		if w.Lab {
			tapped = append(tapped, w.From+">"+w.To)
		}
		if w.From == ProgramsName && w.Spare != 3 {
			t.Errorf("%d threads are spared", w.Spare)
		}
	}
	slices.Sort(tapped)
	slices.Sort(wires)
	if !slices.Equal(tapped, wires) {
		t.Errorf("labs in %v", tapped)
	}
	if s, _ := m.Server("linux"); s.Restart != Always || s.Restarts == 0 {
		t.Errorf("a personality that dies: %+v", s)
	}
	if _, err := Tap([]byte(withLinux), []string{"linux>nobody"}, 0); err == nil ||
		!strings.HasPrefix(err.Error(), "no wire linux>nobody; there are: program>pager, program>linux, ") {
		t.Error(err)
	}
}
