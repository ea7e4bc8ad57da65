package supervisor

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"starling/ipc"
	"starling/ipc/bootconfig"
	"starling/ipc/bundle"
	"starling/ipc/console"
	"starling/ipc/control"
	"starling/ipc/sim"
	"starling/ipc/supervise"
	"starling/pager/table"
	"starling/servers/manifest"
)

const system = `
memory:
  - {name: frames, size: 64K}
  - {name: rest}
servers:
  - name: screen
    binary: screen
    role: console
    priority: 0
    heap: 64K
    eager: true
    restart: always
    restarts: 1
  - name: guest
    binary: guest
    role: personality
    heap: 64K
    eager: true
    windows:
      - {memory: frames, access: rw, frames: true, grant: true}
      - {memory: rest, grant: true}
    files: [config]
wires:
  - {from: root, to: screen, badge: 0x10007}
  - {from: root, to: guest}
  - {from: guest, to: root}
  - {from: screen, to: root, name: control}
`

const (
	screenEntry = 0x401000
	guestEntry  = 0x402000
)

// world is a simulated machine with root and two servers, played by the test.
type world struct {
	t       *testing.T
	k       *sim.Kernel
	tr      *sim.Transport
	root    *Root
	err     error
	screen  strings.Builder // what the host sees of the control channel
	input   string          // what the host has sent
	ended   uint64          // end of input that root announced
	window  uint64
	starts  int // of screen
	guest   ipc.Transport
	report  supervise.Report
	stopped bool
	early   uint64     // what the guest notifies before it is ready
	byHand  bool       // the test gives root its events; root can wait for a server that starts then
	orders  ipc.Handle // 1 if the guest has an endpoint of its own, before the other capabilities
}

// handles of a server: capabilities are copied in the order of grantAll.
const (
	selfHandle  = ipc.Handle(1)
	screenWire  = ipc.Handle(2) // to root
	guestFrames = ipc.Handle(2)
	guestRest   = ipc.Handle(3)
	guestWire   = ipc.Handle(4) // to root
)

func (w *world) serveScreen(t ipc.Transport) {
	w.starts++
	var ev ipc.Event
	for t.Wait(selfHandle, &ev) == nil {
		if ev.Kind != ipc.EventMessage {
			continue
		}
		m, status := console.Parse(t.Buffer(), int(ev.Length))
		s := console.State{Status: status, Space: 1000}
		n := 0
		switch m.Op {
		case console.OpWrite:
			w.screen.Write(m.Data)
			s.Length = len(m.Data)
		case console.OpRead:
			n = copy(console.AnswerData(t.Buffer())[:m.Length], w.input)
			w.input = w.input[n:]
			s.Length = n
		case console.OpInputEnd:
			w.ended = m.Value
		case console.OpWindow:
			w.window = m.Value
		}
		_ = t.Answer(ev.Token, console.PutAnswer(t.Buffer(), s, n), 0)
	}
}

func (w *world) serveGuest(t ipc.Transport) {
	w.guest = t
	if w.early != 0 {
		_ = t.Notify(guestWire+w.orders, w.early)
	}
	_ = t.Notify(guestWire+w.orders, supervise.Ready)
	var ev ipc.Event
	for t.Wait(selfHandle, &ev) == nil {
		if ev.Kind == ipc.EventMessage && ev.Badge == supervise.Badge {
			_ = t.Answer(ev.Token, supervise.Put(t.Buffer(), w.report), 0)
		}
	}
}

// boot makes root on a machine whose boot image has these files.
func boot(t *testing.T, files ...bundle.File) *world {
	t.Helper()
	return bootWorld(&world{t: t}, files...)
}

func bootWorld(w *world, files ...bundle.File) *world {
	t := w.t
	t.Helper()
	w.k = sim.New(sim.Config{MemoryPages: 4096})
	w.k.ServerImage("screen", screenEntry, w.serveScreen)
	w.k.ServerImage("guest", guestEntry, w.serveGuest)
	w.tr = w.k.Server("root")
	w.tr.SetPriority(0)
	image, err := bundle.Encode(files)
	if err != nil {
		t.Fatal(err)
	}
	var info ipc.ServerInfo
	grant := func(name string, kind ipc.GrantKind, h ipc.Handle) {
		g := ipc.Grant{Handle: h, Kind: kind}
		if kind == ipc.GrantMemory || kind == ipc.GrantDevice {
			base, pages, err := w.tr.MemoryInfo(h)
			if err != nil {
				t.Fatal(err)
			}
			g.Base, g.Size = base, pages*pageSize
		}
		if err := info.AddGrant(name, g); err != nil {
			t.Fatal(err)
		}
	}
	space, err := w.tr.SpaceCreate()
	if err != nil {
		t.Fatal(err)
	}
	grant("space", ipc.GrantSpace, space)
	grant("machine", ipc.GrantMachine, w.tr.GiveMachine())
	grant("bundle", ipc.GrantMemory, w.tr.Adopt(image))
	grant("devices", ipc.GrantDevice, w.tr.GiveMemory(4))
	grant("memory0", ipc.GrantMemory, w.tr.GiveMemory(0))
	window := table.NewWindow(w.k.Window(), 0, uint64(len(w.k.Physical())))
	w.root, w.err = New(w.tr, &info, window)
	if w.err == nil {
		w.err = w.root.Start()
	}
	if w.root != nil && !w.byHand {
		w.tr.Serve(w.root.Endpoint(), sim.HandlerFunc(func(ev *ipc.Event) {
			if !w.stopped {
				w.stopped = !w.root.Handle(ev)
			}
		}))
	}
	return w
}

func (w *world) run() { w.k.Run(10_000, func() bool { return w.stopped }) }

// lines are the control lines so far.
func (w *world) lines() (out []control.ToHost) {
	w.t.Helper()
	for line := range strings.Lines(w.screen.String()) {
		var m control.ToHost
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			w.t.Fatalf("%q: %v", line, err)
		}
		out = append(out, m)
	}
	return out
}

func goodFiles(t *testing.T) []bundle.File {
	t.Helper()
	config, err := bootconfig.Encode(bootconfig.Config{Args: []string{"x"}, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return []bundle.File{
		{Name: manifest.FileName, Data: []byte(system)},
		{Name: bootconfig.FileName, Data: config},
		{Name: "screen", Data: testProgram(screenEntry)},
		{Name: "guest", Data: testProgram(guestEntry)},
	}
}

func TestStartAndOrderlyEnd(t *testing.T) {
	w := boot(t, goodFiles(t)...)
	if w.err != nil {
		t.Fatal(w.err)
	}
	lines := w.lines()
	if len(lines) != 1 || lines[0].Started == nil || strings.Join(lines[0].Started.Servers, " ") != "screen guest" {
		t.Fatalf("the host was told %q", w.screen.String())
	}
	w.report = supervise.Report{State: supervise.Running}
	if err := w.guest.Notify(guestWire, supervise.Changed); err != nil {
		t.Fatal(err)
	}
	w.run()
	if w.stopped {
		t.Fatal("stopped with the program still running")
	}
	w.report = supervise.Report{State: supervise.Exited, Code: 7}
	if err := w.guest.Notify(guestWire, supervise.Changed); err != nil {
		t.Fatal(err)
	}
	w.run()
	lines = w.lines()
	if off, code := w.k.Off(); !off || code != codeOrderly || len(lines) != 2 || lines[1].Exit == nil || lines[1].Exit.Code != 7 {
		t.Errorf("off %v with code %d, the host was told %q", off, code, w.screen.String())
	}
}

// A program that could not be started is known before root looks for the first time.
func TestRefusedAtOnce(t *testing.T) {
	w := &world{t: t, early: supervise.Changed, report: supervise.Report{State: supervise.Refused, Code: 2, Text: "/x: none"}}
	bootWorld(w, goodFiles(t)...)
	if w.err != nil || w.root.Proceed() {
		t.Errorf("root goes on, %v", w.err)
	}
	lines := w.lines()
	if last := lines[len(lines)-1]; last.Refused == nil || last.Refused.Errno != 2 || last.Refused.Text != "/x: none" {
		t.Errorf("the host was told %q", w.screen.String())
	}
}

// What a server finds in its info page is what the manifest says.
func TestGrants(t *testing.T) {
	w := boot(t, goodFiles(t)...)
	if w.err != nil {
		t.Fatal(w.err)
	}
	guest, _ := w.root.byName("guest")
	info := readInfo(guest)
	if err := info.Check(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]ipc.Grant{
		"self":   {Handle: selfHandle, Kind: ipc.GrantEndpoint},
		"frames": {Handle: guestFrames, Kind: ipc.GrantMemory, Size: 64 << 10},
		"rest0":  {Handle: guestRest, Kind: ipc.GrantMemory},
		"root":   {Handle: guestWire, Kind: ipc.GrantWire},
		"config": {Kind: ipc.GrantMemory},
	} {
		got, ok := info.Grant(name)
		if !ok || got.Handle != want.Handle || got.Kind != want.Kind || want.Size != 0 && got.Size != want.Size {
			t.Errorf("%s: %v %+v", name, ok, got)
		}
	}
	config, _ := info.Grant("config")
	c, err := bootconfig.Decode(w.k.Physical()[config.Base : config.Base+config.Size])
	if err != nil || c.Seed != 5 {
		t.Errorf("the configuration at its place: %+v, %v", c, err)
	}
	screen, _ := w.root.byName("screen")
	if a, b := readInfo(screen).Seed, info.Seed; a == b {
		t.Error("two servers draw the same random numbers")
	}
}

func TestHostsLinesReachTheConsole(t *testing.T) {
	w := boot(t, goodFiles(t)...)
	w.input = `{"window":{"rows":24,"columns":80}}` + "\n" + `{"eof":true,"bytes":12}` + "\n{nonsense\n"
	_ = w.tr.Notify(w.root.endpoint, console.InputBit(console.Control))
	w.run()
	if w.window != 24<<16|80 || w.ended != 12 {
		t.Errorf("window %#x, end %d", w.window, w.ended)
	}
	lines := w.lines()
	if last := lines[len(lines)-1]; last.Log == "" {
		t.Errorf("nonsense got the answer %+v", last)
	}
}

func TestDeathOfThePersonalityStopsTheMachine(t *testing.T) {
	w := boot(t, goodFiles(t)...)
	guest, _ := w.root.byName("guest")
	if w.root.Handle(&ipc.Event{Kind: ipc.EventException, Badge: uint64(guest.number), Vector: 6}) {
		t.Error("root goes on")
	}
	lines := w.lines()
	if off, code := w.k.Off(); !off || code != codeFailure || len(lines) != 3 || lines[1].Death == nil ||
		lines[1].Death.Server != "guest" || lines[2].Failure != "server guest died: exception 6, error code 0x0" {
		t.Errorf("off %v with code %d, the host was told %q", off, code, w.screen.String())
	}
}

func TestConsoleIsStartedAgainAsOftenAsTheManifestSays(t *testing.T) {
	w := boot(t, goodFiles(t)...)
	screen, _ := w.root.byName("screen")
	die := &ipc.Event{Kind: ipc.EventFault, Badge: uint64(screen.number), Address: 0x10, Access: ipc.Write, Class: ipc.FaultNotMapped}
	if !w.root.Handle(die) || w.starts != 2 {
		t.Fatalf("%d starts after one death", w.starts)
	}
	lines := w.lines()
	if d := lines[len(lines)-1].Death; d == nil || d.Why != "page fault writing 0x10: no memory there" || d.Action != "restart 1 of 1" {
		t.Errorf("the host was told %q", w.screen.String())
	}
	if w.root.Handle(die) || w.starts != 2 {
		t.Errorf("root goes on after a second death, %d starts", w.starts)
	}
	if off, code := w.k.Off(); !off || code != codeFailure {
		t.Errorf("off %v with code %d", off, code)
	}
}

// A driver's registers are mapped into its window; what no device has is refused.
func TestRegisters(t *testing.T) {
	probe := boot(t, goodFiles(t)...)
	devices, _ := probe.root.info.Grant("devices")
	for first, want := range map[uint64]string{
		devices.Base + pageSize: "",
		devices.Base - pageSize: "device card: root has no registers",
	} {
		files := goodFiles(t)
		device := fmt.Sprintf("restarts: 1\n    devices:\n      - {name: card, registers: %#x-%#x}", first, first+pageSize-1)
		files[0].Data = []byte(strings.Replace(system, "restarts: 1", device, 1))
		w := boot(t, files...)
		if want != "" {
			if w.err == nil || !strings.Contains(w.err.Error(), want) {
				t.Errorf("%#x: %v", first, w.err)
			}
			continue
		}
		if w.err != nil {
			t.Fatal(w.err)
		}
		screen, _ := w.root.byName("screen")
		if g, ok := readInfo(screen).Grant("card"); !ok || g.Kind != ipc.GrantDevice || g.Base != first || g.Handle != 0 {
			t.Errorf("%#x: %v %+v", first, ok, g)
		}
	}
}

// Every part of a damaged image is named in one line.
func TestDamagedImages(t *testing.T) {
	good := goodFiles(t)
	change := func(name string, data []byte) []bundle.File {
		var files []bundle.File
		for _, f := range good {
			if f.Name == name {
				if data == nil {
					continue
				}
				f.Data = data
			}
			files = append(files, f)
		}
		return files
	}
	wide := testProgram(guestEntry)
	for _, c := range []struct {
		name  string
		files []bundle.File
		want  string
	}{
		{"no manifest", change(manifest.FileName, nil), `no file "manifest.yaml"`},
		{"bad manifest", change(manifest.FileName, []byte(strings.Replace(system, "priority: 0", "priority: 9", 1))), "manifest line 9: servers[0].priority"},
		{"bad config", change(bootconfig.FileName, []byte("x")), "boot configuration damaged"},
		{"no program", change("guest", nil), `server guest: boot image damaged: no file "guest"`},
		{"no ELF", change("guest", []byte("#!/bin/sh\n")), "server guest: program guest: no ELF file"},
		{"truncated", change("guest", wide[:len(wide)-1]), "server guest: program guest: a segment reaches past the end of the file"},
		{"too large", change(manifest.FileName, []byte(strings.Replace(system, "heap: 64K", "heap: 1G", 1))), "server screen: heap: 262144 pages wanted"},
	} {
		w := boot(t, c.files...)
		if w.err == nil || !strings.Contains(w.err.Error(), c.want) || strings.Contains(w.err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", c.name, w.err, c.want)
			continue
		}
		if w.root.Fail(w.err) {
			t.Errorf("%s: root goes on", c.name)
		}
		if off, code := w.k.Off(); !off || code != codeFailure {
			t.Errorf("%s: off %v, code %d", c.name, off, code)
		}
		if said := w.k.Console() + w.screen.String(); !strings.Contains(said, strings.Split(c.want, `"`)[0]) {
			t.Errorf("%s: nobody was told: %q", c.name, said)
		}
	}
}
