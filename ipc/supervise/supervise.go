// Package supervise is the wire from root to the servers it watches: how root
// asks the personality what became of the program, and any server for its
// counters. The server notifies root first (calls go down only); root then calls.
package supervise

import "starling/ipc"

// Badge marks root's calls at the endpoint of every server that is supervised.
const Badge uint64 = 0x726f6f74 // "root"

// Bits that servers notify at root.
const (
	// Changed: the state that OpState reports is another one now.
	Changed uint64 = 1 << 32
	// Ready: the server has started and will take calls. One that has a wire to
	// root must notify it: root calls nobody who has not, because a call to a server
	// that dies before it ever waits would not be answered.
	Ready uint64 = 1 << 33
)

// Wire is the name of a server's wire to root.
const Wire = "root"

// NotifyReady tells root that the server will take calls, if it has a wire to root.
func NotifyReady(t ipc.Transport, info *ipc.ServerInfo) error {
	if g, ok := info.Grant(Wire); ok && g.Kind == ipc.GrantWire {
		return t.Notify(g.Handle, Ready)
	}
	return nil
}

// Op is what root asks.
type Op uint32

const (
	opNone Op = iota
	// OpState asks for the state of what the server runs.
	OpState
	// OpStats asks for counters, as lines of JSON.
	OpStats
	ops
)

// State is what became of the program that the server was told to run.
type State uint32

const (
	// Starting: no program runs yet.
	Starting State = iota
	// Running: the program runs.
	Running
	// Exited: the program ended with Code, or by Signal when that is not 0.
	Exited
	// Refused: the program could not be started. Code is the errno, the text says what.
	Refused
)

const (
	RequestSize = 8
	answerSize  = 24
	// MaxText is the longest text that fits behind an answer, in bytes.
	MaxText = ipc.MessageLimit - answerSize
)

// Report is the answer to a request.
type Report struct {
	Status ipc.Error
	State  State
	Code   uint32
	Signal uint32
	Text   string
}

// Parse checks the first n bytes of a message from root.
func Parse(buf []byte, n int) (Op, bool) {
	if n < RequestSize || n > len(buf) {
		return 0, false
	}
	var r Request
	r.Init(buf, 0)
	op := Op(r.Op())
	return op, op != opNone && op < ops
}

// Put writes an answer into the message buffer and returns its length. Text
// that does not fit is cut.
func Put(buf []byte, r Report) int {
	n := copy(buf[answerSize:ipc.MessageLimit], r.Text)
	var a Answer
	a.Init(buf, 0)
	a.MutateStatus(int32(r.Status))
	a.MutateState(uint32(r.State))
	a.MutateCode(r.Code)
	a.MutateSignal(r.Signal)
	a.MutateLength(uint32(n))
	a.MutateReserved(0)
	return answerSize + n
}

// Ask calls a server. The error is of the call itself; a server that refuses
// says so in Report.Status.
func Ask(t ipc.Transport, endpoint ipc.Handle, op Op) (Report, error) {
	var q Request
	q.Init(t.Buffer(), 0)
	q.MutateOp(uint32(op))
	q.MutateReserved(0)
	n, _, err := t.Call(endpoint, RequestSize, 0)
	if err != nil {
		return Report{}, err
	}
	buf := t.Buffer()
	if n < answerSize || n > len(buf) {
		return Report{}, ipc.ErrTruncated
	}
	var a Answer
	a.Init(buf, 0)
	if uint64(a.Length()) > uint64(n-answerSize) {
		return Report{}, ipc.ErrTruncated
	}
	return Report{
		Status: ipc.Error(a.Status()), State: State(a.State()), Code: a.Code(), Signal: a.Signal(),
		Text: string(buf[answerSize : answerSize+int(a.Length())]),
	}, nil
}
