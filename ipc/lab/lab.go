// Package lab is what root and servers/lab say to each other about faults: a part of the page that the two share.
//
// Root arms a lab when everything runs; from then on the lab counts messages and strikes those that the plan names. When
// a whole server is to be struck the lab writes an Order and notifies root, which carries it out and notifies
// the lab. At the end root reads what the lab saw. It may import ipc only.
package lab

import (
	"unsafe"

	"starling/ipc"
)

// OrderBit tells root that there is an order, DoneBit the lab that it was carried out.
const (
	OrderBit uint64 = 1 << 35
	DoneBit  uint64 = 1 << 41
)

// Names of a lab's grants: the server that its wire leads to, and root. Its own endpoint is "self" as everywhere.
const (
	TargetWire = "target"
	OrderWire  = "orders"
)

// PlanFile is the name of the plan in the boot bundle.
const PlanFile = "faults"

// Command is what root is to do to the server at the end of the wire.
type Command uint32

const (
	None Command = iota
	// Crash: it ends, as by an exception.
	Crash
	// Hang: it stands still from now on, and is ended when that is found out, after HangTime.
	Hang
	// Swap: another instance is put into its place.
	Swap
)

// HangTime is how long a server stands still before it is found to, in ns. Root knows at once, because it makes no call
// to the personality meanwhile: that may be waiting for the one that stands still, and then root would, too.
const HangTime = 2e9

// Places is how many kinds of messages a wire has at most, Rules how long a plan may be.
const (
	Places = 48
	Rules  = 64
)

// place is where the report lies in the page. What is before it belongs to ipc/supervise.
const place = 1024

// Report is the shared part of the page.
type Report struct {
	Armed uint32 // by root: 1
	Epoch uint32 // by root: how often the programs were started anew
	Order Command
	// Number of the last order, and by root of the last one that was carried out.
	Number, Done uint32
	_            uint32

	Messages uint64
	Hash     uint64         // over all messages
	Struck   uint64         // bit i: rule i of the plan
	Counts   [Places]uint64 // of each message, in the order of fault.Of
	Length   uint32
	Text     [1024]byte // what must not be, a line each
}

const _ = uint(ipc.PageSize - place - unsafe.Sizeof(Report{})) // fits

// In is the report in a page.
func In(page []byte) *Report { return (*Report)(unsafe.Pointer(&page[place])) }

// Here is the report of the lab that runs.
func Here() *Report {
	return In(unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(ipc.InstanceAddress))), ipc.PageSize))
}

// Say adds a line to the text, if there is room.
func (r *Report) Say(line string) {
	r.Length += uint32(copy(r.Text[min(int(r.Length), len(r.Text)):], line+"\n"))
}

// Said is the text.
func (r *Report) Said() string { return string(r.Text[:min(int(r.Length), len(r.Text))]) }
