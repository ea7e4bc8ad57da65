// Package manifest is the description of a system: which servers it has, what
// each of them may touch, and which wires join them. It travels in the boot
// image as a YAML file; the command on the host checks it when the image is
// built, root reads it at boot.
//
// A manifest is data only: root starts whatever it names, and knows of three
// roles and no more. An error says line and field.
package manifest

import "starling/ipc"

// FileName is the name of the manifest in the boot bundle.
const FileName = "manifest.yaml"

// Bounds of a manifest.
const (
	MaxServers = 32
	MaxWires   = 128
	MaxMemory  = 16
	MaxBuilds  = 24
)

// RootName stands for root in wires. Root is not among the servers: it reads the manifest.
const RootName = "root"

// ImageName is the memory of the boot bundle, which every manifest has without naming it.
const ImageName = "image"

// Manifest is a checked description.
type Manifest struct {
	Memory  []Memory
	Servers []Server
	Wires   []Wire
}

// Memory is a part of the machine's free memory. Parts are cut in their order;
// the one without size and share takes the rest.
type Memory struct {
	Name  string
	Bytes uint64 // fixed size, or 0
	Share uint64 // one Share-th of the free memory, or 0
}

// Rest says that this part takes what the others leave.
func (m Memory) Rest() bool { return m.Bytes == 0 && m.Share == 0 }

// Role is what root itself needs a server for.
type Role uint8

const (
	NoRole Role = iota
	// Pager backs the heaps of the other servers.
	Pager
	// Console carries root's control channel.
	Console
	// Personality runs the program whose end is the machine's end.
	Personality
)

// Restart is what root does when a server dies.
type Restart uint8

const (
	// Shutdown stops the machine and says why.
	Shutdown Restart = iota
	// Always starts it again, at most Server.Restarts times.
	Always
)

// Server is one server.
type Server struct {
	Name     string
	Binary   string // file in the boot bundle
	Role     Role
	Priority uint8
	Heap     uint64 // limit of its heap in bytes
	Eager    bool   // all of the heap is there from the start, not on demand
	Restart  Restart
	Restarts int
	// Hang is how many seconds it may be without a sign of life before it counts as dead; 0: for ever.
	Hang    int
	Space   bool // may use its own address space
	Devices []Device
	Windows []Window
	View    []View   // what the pager maps into its window
	Files   []string // files of the boot bundle that it is told about
	Args    []string
	Swap    bool    // another instance can take over while it runs
	Builds  []Build // what can be swapped in, beside Binary
	Lab     *Lab    // the wire that it stands in, nil for a server of the list
}

// Build is a program that a server can run, under the name that people ask for.
type Build struct {
	Name   string
	Binary string // file in the boot bundle
	Args   []string
}

// AllBuilds is what the server can run. The first is what it starts with.
func (s *Server) AllBuilds() []Build {
	return append([]Build{{s.Binary, s.Binary, s.Args}}, s.Builds...)
}

// DeviceKind says how a driver reaches a device.
type DeviceKind uint8

const (
	Ports DeviceKind = iota
	Interrupt
	Registers // memory-mapped
)

// Device is one resource of a driver.
type Device struct {
	Name  string
	Kind  DeviceKind
	First uint64 // first port, interrupt number or physical address
	Count uint64 // ports or bytes
}

// Window is memory that a server sees, has, or both.
type Window struct {
	Memory string
	Access ipc.Access // 0: not mapped
	Frames bool       // mapped at ipc.FramesAddress instead of its place in the window
	Grant  bool       // the server gets the capability
}

// View is a part of physical memory that the pager, which divides it, maps into
// a server's window.
type View uint8

const (
	ViewData   View = iota // frames of programs and files, read-write
	ViewTables             // published tables, read-only
	ViewImage              // the boot image, read-only
)

// Wire lets From call and notify To.
type Wire struct {
	From, To string
	Name     string // what From calls it; To's name unless given
	Badge    uint64 // what To is told; unless given From's number, and supervise.Badge for root
	Lab      bool   // it runs through a lab
	Spare    int    // traps only: how many threads, the first ones, the lab leaves alone
}

// Server finds a server by name.
func (m *Manifest) Server(name string) (*Server, bool) {
	for i := range m.Servers {
		if m.Servers[i].Name == name {
			return &m.Servers[i], true
		}
	}
	return nil, false
}

// ByRole finds the server that has a role.
func (m *Manifest) ByRole(r Role) (*Server, bool) {
	for i := range m.Servers {
		if m.Servers[i].Role == r {
			return &m.Servers[i], true
		}
	}
	return nil, false
}

// Binaries are the bundle files that the servers need, each once.
func (m *Manifest) Binaries() (names []string) {
	seen := map[string]bool{}
	for i := range m.Servers {
		for _, b := range m.Servers[i].AllBuilds() {
			if !seen[b.Binary] {
				seen[b.Binary] = true
				names = append(names, b.Binary)
			}
		}
	}
	return names
}
