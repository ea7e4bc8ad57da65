package pagerwire

import (
	"starling/ipc"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Sizes of the structs in bytes, as the schema lays them out.
const (
	HeaderSize = 16
	OpSize     = 56
	ResultSize = 24
)

// MaxOps is how many Ops fit a request.
const MaxOps = (ipc.MessageSize - HeaderSize) / OpSize

// Command is an Op taken out of a message.
type Command struct {
	Code    Code
	Flags   uint32
	Space   uint32
	Object  uint32
	Address uint64
	Pages   uint64
	Offset  uint64
	Size    uint64
	Access  ipc.Access
}

// Outcome is a Result taken out of a message.
type Outcome struct {
	Status Status
	Class  ipc.FaultClass
	Value  uint64
	Extra  uint64
}

// check verifies header and length of a message of count items of size bytes.
func check(buf []byte, size int) (count int, status Status) {
	if len(buf) < HeaderSize {
		return 0, StatusMalformed
	}
	var h Header
	h.Init(buf, 0)
	if h.Magic() != Magic || h.Version() != Version {
		return 0, StatusMalformed
	}
	n := h.Count()
	if n > MaxOps || len(buf) != HeaderSize+int(n)*size {
		return 0, StatusMalformed
	}
	return int(n), Status(h.Status())
}

func putHeader(buf []byte, count int, status Status) {
	var h Header
	h.Init(buf, 0)
	h.MutateMagic(Magic)
	h.MutateVersion(Version)
	h.MutateCount(uint32(count))
	h.MutateStatus(uint32(status))
}

// CheckRequest verifies that buf is one whole request and returns how many Ops
// it has. Nothing else may be read from buf before.
func CheckRequest(buf []byte) (count int, status Status) { return check(buf, OpSize) }

// CheckAnswer verifies that buf is one whole answer and returns how many Results
// it has, and the status of the whole message.
func CheckAnswer(buf []byte) (count int, status Status) { return check(buf, ResultSize) }

// RequestLength is the length in bytes of a request of n Ops.
func RequestLength(n int) int { return HeaderSize + n*OpSize }

// AnswerLength is the length in bytes of an answer of n Results.
func AnswerLength(n int) int { return HeaderSize + n*ResultSize }

// PutRequestHeader writes the header of a request of n Ops.
func PutRequestHeader(buf []byte, n int) { putHeader(buf, n, OK) }

// PutAnswerHeader writes the header of an answer of n Results.
func PutAnswerHeader(buf []byte, n int, status Status) { putHeader(buf, n, status) }

// GetOp reads Op i of a request that CheckRequest accepted.
func GetOp(buf []byte, i int, c *Command) {
	var o Op
	o.Init(buf, flatbuffers.UOffsetT(HeaderSize+i*OpSize))
	c.Code = Code(o.Code())
	c.Flags = o.Flags()
	c.Space = o.Space()
	c.Object = o.Object()
	c.Address = o.Address()
	c.Pages = o.Pages()
	c.Offset = o.Offset()
	c.Size = o.Size()
	c.Access = ipc.Access(o.Access() & uint32(ipc.Read|ipc.Write|ipc.Execute))
}

// PutOp writes Op i of a request.
func PutOp(buf []byte, i int, c *Command) {
	var o Op
	o.Init(buf, flatbuffers.UOffsetT(HeaderSize+i*OpSize))
	o.MutateCode(uint32(c.Code))
	o.MutateFlags(c.Flags)
	o.MutateSpace(c.Space)
	o.MutateObject(c.Object)
	o.MutateAddress(c.Address)
	o.MutatePages(c.Pages)
	o.MutateOffset(c.Offset)
	o.MutateSize(c.Size)
	o.MutateAccess(uint32(c.Access))
	o.MutateReserved(0)
}

// GetResult reads Result i of an answer that CheckAnswer accepted.
func GetResult(buf []byte, i int, r *Outcome) {
	var w Result
	w.Init(buf, flatbuffers.UOffsetT(HeaderSize+i*ResultSize))
	r.Status = Status(w.Status())
	r.Class = ipc.FaultClass(w.Class())
	r.Value = w.Value()
	r.Extra = w.Extra()
}

// PutResult writes Result i of an answer.
func PutResult(buf []byte, i int, r *Outcome) {
	var w Result
	w.Init(buf, flatbuffers.UOffsetT(HeaderSize+i*ResultSize))
	w.MutateStatus(int32(r.Status))
	w.MutateClass(uint32(r.Class))
	w.MutateValue(r.Value)
	w.MutateExtra(r.Extra)
}
