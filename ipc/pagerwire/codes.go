// Package pagerwire is the wire between the pager and its clients: the schema
// is ipc/schema/pager.fbs, Header.go, Op.go and Result.go are generated from it,
// the rest gives the numbers their names and checks lengths before access.
package pagerwire

// Magic and Version start every message.
const (
	Magic   = 0x52474150 // "PAGR"
	Version = 1
)

// Code says what an Op does. Values are stable.
type Code uint32

const (
	// CodeInfo asks for the place of the published header. Value: its physical
	// address. Extra: frames in total.
	CodeInfo Code = 1
	// CodeSpaceCreate makes an empty space. Value: its id. The answer carries the
	// space capability.
	CodeSpaceCreate Code = 2
	// CodeSpaceFork makes a copy-on-write copy of Space. As CodeSpaceCreate.
	CodeSpaceFork Code = 3
	// CodeSpaceDestroy destroys Space, every thread in it and all its private memory.
	CodeSpaceDestroy Code = 4
	// CodeMap maps Pages at Address: the bytes of Object from Offset on, or zeros
	// when Object is 0. What was mapped there is unmapped.
	CodeMap Code = 5
	// CodeUnmap removes Pages from Address on. Holes are fine.
	CodeUnmap Code = 6
	// CodeProtect sets what Pages from Address on allow to Access. Holes are fine.
	CodeProtect Code = 7
	// CodeMove moves Pages from Address to Size, with their contents. The two
	// ranges may not overlap; what was mapped at the new place is unmapped.
	CodeMove Code = 8
	// CodeDiscard drops the private contents of Pages from Address on: the next
	// access reads zeros or the object.
	CodeDiscard Code = 9
	// CodePopulate makes Pages from Address on present for Access, up to the
	// first page that cannot be. Value: pages present.
	CodePopulate Code = 10
	// CodeResolve makes the page at Address present for Access on behalf of the
	// client. Value: its table entry.
	CodeResolve Code = 11
	// CodeObjectCreate makes an object of Size zero bytes. Value: its id.
	CodeObjectCreate Code = 12
	// CodeObjectAdopt makes an object of Size bytes whose contents are the boot
	// image's own pages from Offset on, Offset counted from the start of the
	// image. Value: its id.
	CodeObjectAdopt Code = 13
	// CodeObjectResize sets the size in bytes. Pages past the end are dropped and
	// unmapped everywhere, the rest of the last page is zeroed.
	CodeObjectResize Code = 14
	// CodeObjectRef adds one holder to Object.
	CodeObjectRef Code = 15
	// CodeObjectDestroy takes one holder away from Object; its memory goes when
	// there is neither a holder nor a mapping.
	CodeObjectDestroy Code = 16
	// CodeObjectPopulate gives Pages of Object from Offset on frames that may be
	// written, up to the first that cannot be had. Value: pages done.
	CodeObjectPopulate Code = 17
	// CodeObjectDiscard makes Pages of Object from Offset on holes again and unmaps them.
	CodeObjectDiscard Code = 18
	// CodeSpaceAdopt registers the space whose capability comes with the message, a
	// server's. Value: its id. Only for the administrator.
	CodeSpaceAdopt Code = 19
	// CodeWindowMap maps the window into Space, an adopted one. Only for the
	// administrator. Flag WindowData, WindowTables, WindowImage choose what.
	CodeWindowMap Code = 20
	// CodeKernelGrant gives the kernel Pages more of memory for its own use.
	// Value: pages given.
	CodeKernelGrant Code = 21
	// CodeRelease destroys every space and object of the client whose badge is
	// Size. Only for the administrator.
	CodeRelease Code = 22
	// CodeSpaceUsage asks how much memory Space has. Value: pages present. Only for the administrator.
	CodeSpaceUsage Code = 23
	// CodeUsage asks how much memory the client whose badge is Size has given to
	// programs and files. Value: pages. Extra: pages free in all. Only for the administrator.
	CodeUsage Code = 24
)

// ThisSpace and ThisObject stand for what this batch made last.
const (
	ThisSpace  = 0xffffffff
	ThisObject = 0xffffffff
)

// Flags of an Op.
const (
	// FlagShared (Map): stores go to the object and are seen by all who map it.
	FlagShared = 1 << 0
	// FlagForce (Resolve, Populate): ignore what the region allows, as a debugger
	// may. A store then goes to a private copy; shared regions refuse it.
	FlagForce = 1 << 1
	// FlagNoReserve (Map): do not refuse what is larger than all of memory.
	FlagNoReserve = 1 << 2
	// FlagNoFork (Map): the region is not copied by fork.
	FlagNoFork = 1 << 3
	// FlagKeep (Map): fail with StatusExists instead of unmapping what is there.
	FlagKeep = 1 << 4
	// FlagCopyAhead (Map): stores in order may copy pages ahead of the program: what
	// is written to the object later may not be seen in a private region.
	FlagCopyAhead = 1 << 5
	// FlagWindowData, FlagWindowTables, FlagWindowImage (WindowMap).
	FlagWindowData   = 1 << 8
	FlagWindowTables = 1 << 9
	FlagWindowImage  = 1 << 10
)

// Status is the result of an Op or of a whole message. The zero value is success.
type Status int32

const (
	OK               Status = 0
	StatusNotRun     Status = 1  // an earlier op of the batch failed
	StatusInvalid    Status = 2  // an argument is out of range or not aligned
	StatusStale      Status = 3  // no such space or object, or it is gone
	StatusDenied     Status = 4  // the client may not do this
	StatusNoMemory   Status = 5  // no frame, or no room in a table of the pager
	StatusFault      Status = 6  // the page cannot be made present: Class says why
	StatusExists     Status = 7  // FlagKeep: something is mapped there
	StatusNotMapped  Status = 8  // the range has a hole where none may be
	StatusUnknown    Status = 9  // no such code
	StatusMalformed  Status = 10 // the message is not a whole request or answer
	StatusBusy       Status = 11 // the kernel refused: the object is in use
	StatusTransport  Status = 12 // client end only: the call itself failed
	StatusCapability Status = 13 // the capability that belongs to the op is missing or wrong
)

var statusText = [...]string{
	OK: "ok", StatusNotRun: "not run", StatusInvalid: "invalid argument",
	StatusStale: "no such space or object", StatusDenied: "not permitted",
	StatusNoMemory: "out of memory", StatusFault: "fault", StatusExists: "already mapped",
	StatusNotMapped: "not mapped", StatusUnknown: "unknown operation",
	StatusMalformed: "malformed message", StatusBusy: "busy",
	StatusTransport: "call failed", StatusCapability: "capability missing or wrong",
}

// Error is the text of the status; a Status is an error, but compare it with OK
// before it becomes one.
func (s Status) Error() string {
	if s >= 0 && int(s) < len(statusText) {
		return "pager: " + statusText[s]
	}
	return "pager: unknown status"
}
