package ipc

import (
	"errors"
	"unsafe"
)

// Addresses of a server's space (amd64), see docs/contract.md.
const (
	InfoAddress     = 0x0000_0000_0020_0000
	BufferAddress   = 0x0000_0000_0021_0000
	InstanceAddress = 0x0000_0000_0022_0000 // the page it shares with root, see ipc/supervise
	RelayAddress    = 0x0000_0000_0024_0000 // what it shares with the lab that its traps come through, see ipc/relay
	HeapAddress     = 0x0000_00c0_0000_0000
	FramesAddress   = 0x0000_3000_0000_0000
	WindowAddress   = 0x0000_4000_0000_0000
	StackTop        = 0x0000_7fff_ffff_0000
	StackSizeBytes  = 64 << 10 // the first goroutine's machine stack; goroutine stacks live on the heap
)

// ServerInfoMagic begins every info page: "STARLSRV" in memory order.
const ServerInfoMagic = 0x565253_4c52415453

// ServerInfoVersion is raised whenever a field moves.
const ServerInfoVersion = 1

// GrantNameSize is the room for a grant's name in bytes, padded with zeros.
const GrantNameSize = 24

// MaxGrants is how many capabilities an info page can introduce.
const MaxGrants = 64

// ServerInfo is the read-only info page at InfoAddress: what a server must know
// before its first kernel call. Whoever makes the server fills it (the kernel
// for root, root for everybody else). The clock and heap fields are read by the
// Go runtime of the server, at fixed offsets.
type ServerInfo struct {
	Magic   uint64
	Version uint32
	Size    uint32 // bytes of this struct

	// Clock: ns since boot = (tsc-TSC0)*Mult>>32.
	TSC0 uint64
	Mult uint64
	Wall uint64 // ns since 1970 at boot

	// The Go heap may use [HeapBase, HeapLimit).
	HeapBase  uint64
	HeapLimit uint64

	// Buffer is the address of the message buffer.
	Buffer uint64
	// Seed of every random choice in the server.
	Seed [2]uint64

	Priority   uint8
	_          [3]byte
	GrantCount uint32
	// Space is the number that the pager knows the server's own space by, 0 if it does not.
	Space uint32
	_     [4]byte // Grants begin at 96

	Grants [MaxGrants]Grant
}

// GrantKind says what a capability that a server starts with is.
type GrantKind uint32

const (
	GrantNone       GrantKind = iota
	GrantEndpoint             // may receive, send and notify
	GrantWire                 // endpoint of somebody else: may call and notify
	GrantSpace                // an address space
	GrantThread               // a thread
	GrantMemory               // RAM: Base and Size (bytes) are physical
	GrantDevice               // device memory: Base and Size (bytes) are physical
	GrantPorts                // I/O ports: Base is the first, Size the number
	GrantInterrupt            // one interrupt line: Base is its number
	GrantInterrupts           // all interrupt lines: may make GrantInterrupt
	GrantServer               // the capability table of a server
	GrantMachine              // may stop the machine
	GrantTapped               // no capability: the calls of the client with badge Base come through servers/lab
)

// WireTapped is the Size of a GrantWire that runs through servers/lab: calls on it travel in envelopes. Others have 0.
const WireTapped = 1

// Grant introduces one capability by name.
type Grant struct {
	Name   [GrantNameSize]byte
	Handle Handle
	Kind   GrantKind
	Base   uint64
	Size   uint64
}

const (
	_ = uint(PageSize - unsafe.Sizeof(ServerInfo{})) // fits the page
	_ = -(unsafe.Offsetof(ServerInfo{}.Grants) ^ 96) // 0 is the only value that fits
)

// ErrGrantTable is returned when an info page introduces too many capabilities
// or a name is too long or empty.
var ErrGrantTable = errors.New("info page: too many grants or a bad grant name")

// AddGrant appends a named capability.
func (s *ServerInfo) AddGrant(name string, g Grant) error {
	if len(name) == 0 || len(name) > GrantNameSize || s.GrantCount >= MaxGrants {
		return ErrGrantTable
	}
	g.Name = [GrantNameSize]byte{}
	copy(g.Name[:], name)
	s.Grants[s.GrantCount] = g
	s.GrantCount++
	return nil
}

// Grant finds a capability by name.
func (s *ServerInfo) Grant(name string) (Grant, bool) {
	for i := range s.All() {
		if s.Grants[i].Text() == name {
			return s.Grants[i], true
		}
	}
	return Grant{}, false
}

// All is every grant of the page.
func (s *ServerInfo) All() []Grant { return s.Grants[:min(s.GrantCount, MaxGrants)] }

// Text is the grant's name without padding.
func (g *Grant) Text() string {
	n := 0
	for n < len(g.Name) && g.Name[n] != 0 {
		n++
	}
	return string(g.Name[:n])
}

// Check tells whether the page is one that this build understands.
func (s *ServerInfo) Check() error {
	switch {
	case s.Magic != ServerInfoMagic:
		return errors.New("info page: wrong magic")
	case s.Version != ServerInfoVersion || uintptr(s.Size) != unsafe.Sizeof(*s):
		return errors.New("info page: another version")
	case s.GrantCount > MaxGrants:
		return errors.New("info page: too many grants")
	}
	return nil
}
