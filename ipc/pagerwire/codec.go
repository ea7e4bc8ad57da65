package pagerwire

import (
	"unsafe"

	"starling/ipc"
)

// Sizes of the structs in bytes, as the schema lays them out.
const (
	HeaderSize = 16
	OpSize     = 56
	ResultSize = 24
)

// MaxOps is how many Ops fit a request.
const MaxOps = (ipc.MessageLimit - HeaderSize) / OpSize

// Command is an Op taken out of a message. Its layout is that of the schema, little
// endian as all our machines are, so that taking it out is one copy; a test
// compares it with the generated accessors.
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
	_       [7]byte
}

// Outcome is a Result taken out of a message, laid out like it.
type Outcome struct {
	Status Status
	Class  ipc.FaultClass
	_      [3]byte
	Value  uint64
	Extra  uint64
}

// prefix is a Header, laid out like it.
type prefix struct {
	magic, version, count, status uint32
}

const (
	_ = -(unsafe.Sizeof(Command{}) ^ OpSize) // 0 is the only value that fits
	_ = -(unsafe.Sizeof(Outcome{}) ^ ResultSize)
	_ = -(unsafe.Sizeof(prefix{}) ^ HeaderSize)
)

// at gives the T at offset off of a message, which reaches that far.
func at[T any](buf []byte, off int) *T {
	var t T
	return (*T)(unsafe.Pointer(unsafe.SliceData(buf[off : off+int(unsafe.Sizeof(t))])))
}

// check verifies header and length of a message of count items of size bytes.
func check(buf []byte, size int) (count int, status Status) {
	if len(buf) < HeaderSize {
		return 0, StatusMalformed
	}
	h := at[prefix](buf, 0)
	if h.magic != Magic || h.version != Version {
		return 0, StatusMalformed
	}
	n := h.count
	if n > MaxOps || len(buf) != HeaderSize+int(n)*size {
		return 0, StatusMalformed
	}
	return int(n), Status(h.status)
}

func putHeader(buf []byte, count int, status Status) {
	*at[prefix](buf, 0) = prefix{Magic, Version, uint32(count), uint32(status)}
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
	*c = *at[Command](buf, HeaderSize+i*OpSize)
	c.Access &= ipc.Read | ipc.Write | ipc.Execute
}

// PutOp writes Op i of a request.
func PutOp(buf []byte, i int, c *Command) { *at[Command](buf, HeaderSize+i*OpSize) = *c }

// GetResult reads Result i of an answer that CheckAnswer accepted.
func GetResult(buf []byte, i int, r *Outcome) { *r = *at[Outcome](buf, HeaderSize+i*ResultSize) }

// PutResult writes Result i of an answer.
func PutResult(buf []byte, i int, r *Outcome) { *at[Outcome](buf, HeaderSize+i*ResultSize) = *r }
