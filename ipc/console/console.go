// Package console is the wire to the console server: the messages, checked, and
// a client end for the personality and for root.
//
// The console moves bytes between channels and its clients and never makes a
// client wait: a write is accepted as far as there is room, a read returns what
// is there. When a client was told "no room" or "nothing there", the console
// notifies it once the answer would be another.
package console

import "starling/ipc"

// Channel names one stream of bytes in each direction.
type Channel uint16

const (
	// Terminal is the user's terminal, or standard input and output when
	// Starling does not run on a terminal.
	Terminal Channel = iota
	// Control carries JSON lines to and from the command on the host.
	Control
	// Errors is standard error when it is not the terminal. Output only.
	Errors
	// Channels is how many there are.
	Channels
)

var channelNames = [Channels]string{"terminal", "control", "errors"}

// String is the name that wires and devices of the manifest use.
func (c Channel) String() string {
	if c < Channels {
		return channelNames[c]
	}
	return "unknown"
}

// Bits that the console notifies.

// InputBit says that a channel has input, its end, or another window size.
func InputBit(c Channel) uint64 { return 1 << c }

// SpaceBit says that a channel has room for output again, or that all of it
// has reached the device. A client with BadgeControl that asked for the state of a channel
// with output pending is told so on the wire of the control channel.
func SpaceBit(c Channel) uint64 { return 1 << (8 + c) }

// NotifyMask is every bit that the console may notify.
const NotifyMask uint64 = 0xffff

// BadgeFor is the badge of a wire that may use the given channels: bit i for
// channel i. Only a badge with BadgeControl may say where input ends and how
// large the window is.
const BadgeControl uint64 = 1 << 16

// Op is what a request asks for.
type Op uint16

const (
	opNone Op = iota
	// OpStatus asks only for the state that every answer carries.
	OpStatus
	// OpWrite writes the bytes behind the request.
	OpWrite
	// OpRead takes up to Length bytes of input.
	OpRead
	// OpInputEnd says that input ends after Value bytes in all.
	OpInputEnd
	// OpWindow sets the window size.
	OpWindow
	ops
)

// Status is how a request went.
type Status int32

const (
	OK         Status = 0
	BadRequest Status = -1 // not a request, or longer than its message
	BadChannel Status = -2 // no such channel, or not this client's
)

// Flags describe a channel.
type Flags uint32

const (
	// End: the input has ended; nothing comes after the available bytes.
	End Flags = 1 << iota
	// Broken: no device is behind the channel.
	Broken
)

// Sizes of the messages in bytes, as the schema lays them out.
const (
	RequestSize = 16
	answerSize  = 32
	// MaxData is the most bytes that one request or answer carries.
	MaxData = ipc.MessageLimit - answerSize
)

// State is what every answer says about the channel.
type State struct {
	Status        Status
	Length        int // bytes accepted or delivered
	Available     int // bytes of input waiting
	Space         int // bytes of output that would be accepted
	Pending       int // bytes accepted that have not left the device: those that it holds count as one
	Flags         Flags
	Rows, Columns uint16 // window size, 0 when unknown
}

// Message is a checked request. Data is the bytes behind it, inside the buffer
// it was parsed from.
type Message struct {
	Op      Op
	Channel Channel
	Length  int // OpRead: most bytes wanted
	Value   uint64
	Data    []byte // OpWrite
}

// Parse checks the first n bytes of buf.
func Parse(buf []byte, n int) (Message, Status) {
	if n < RequestSize || n > len(buf) {
		return Message{}, BadRequest
	}
	var r Request
	r.Init(buf, 0)
	m := Message{Op: Op(r.Op()), Channel: Channel(r.Channel()), Value: r.Value()}
	if m.Op == opNone || m.Op >= ops {
		return Message{}, BadRequest
	}
	if m.Channel >= Channels {
		return Message{}, BadChannel
	}
	switch length := r.Length(); m.Op {
	case OpWrite:
		if uint64(length) > uint64(n-RequestSize) {
			return Message{}, BadRequest
		}
		m.Data = buf[RequestSize : RequestSize+int(length)]
	case OpRead:
		m.Length = int(min(length, MaxData))
	}
	return m, OK
}

// AnswerData is where the bytes of an answer belong in the message buffer.
func AnswerData(buf []byte) []byte { return buf[answerSize : answerSize+MaxData] }

// PutAnswer writes the answer's header; the bytes it announces are already
// behind it. It returns the length of the message.
func PutAnswer(buf []byte, s State, dataLength int) int {
	var a Answer
	a.Init(buf, 0)
	a.MutateStatus(int32(s.Status))
	a.MutateLength(uint32(s.Length))
	a.MutateAvailable(uint32(s.Available))
	a.MutateSpace(uint32(s.Space))
	a.MutatePending(uint32(s.Pending))
	a.MutateFlags(uint32(s.Flags))
	a.MutateRows(s.Rows)
	a.MutateColumns(s.Columns)
	a.MutateReserved(0)
	return answerSize + dataLength
}

// putRequest writes a request's header and returns the length of the message.
func putRequest(buf []byte, op Op, c Channel, length int, value uint64, dataLength int) int {
	var r Request
	r.Init(buf, 0)
	r.MutateOp(uint16(op))
	r.MutateChannel(uint16(c))
	r.MutateLength(uint32(length))
	r.MutateValue(value)
	return RequestSize + dataLength
}

// parseAnswer checks the first n bytes of buf; data is what a read delivered.
func parseAnswer(buf []byte, n int) (s State, data []byte, ok bool) {
	if n < answerSize || n > len(buf) {
		return State{}, nil, false
	}
	var a Answer
	a.Init(buf, 0)
	s = State{
		Status: Status(a.Status()), Length: int(a.Length()), Available: int(a.Available()),
		Space: int(a.Space()), Pending: int(a.Pending()), Flags: Flags(a.Flags()),
		Rows: a.Rows(), Columns: a.Columns(),
	}
	return s, buf[answerSize:n], true
}
