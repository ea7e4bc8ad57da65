// Package envelope makes of a wire that may lose, repeat, delay or damage messages one that does not: what
// both ends of ipc.Transport put around every call on a wire that runs through servers/lab.
//
// A message ends with 16 bytes: the session of the client, the number of the call in it, and a sum over
// everything. The client repeats a call until a whole answer to that very call came; the server executes
// a call once and gives the answer again when it is asked again. An answer of no bytes means that nothing came, or
// nothing whole: ask again.
//
// A session begins with a message without a body, which nothing is executed for: so it may be repeated as
// well. A server that does not know a session (it was started anew) says so and executes nothing.
//
// What comes from a peer that lies, and not from the wire, is not held up here: the typed ends check values.
package envelope

import (
	"unsafe"

	"starling/ipc"
	"starling/ipc/planted"
)

// Size is what an envelope takes of a message, in bytes.
const Size = ipc.EnvelopeSize

// trailer stands behind the body. Little endian as all our machines are.
type trailer struct {
	session uint32
	counter uint32
	sum     uint64
}

const _ = -(unsafe.Sizeof(trailer{}) ^ Size) // 0 is the only value that fits

// unknown is the counter of an answer that says: no such session, nothing was executed.
const unknown = ^uint32(0)

// gone is the counter of an answer of nobody: the server ended before it answered.
const gone = unknown - 1

// Gone seals that answer for a session in buf, and returns its length.
func Gone(buf []byte, session uint32) int { return Seal(buf, 0, session&^carries, gone) }

// carries is a bit of the session that a message names: a capability travels with it. One that should and does not
// (the receiver had no place for it, or it stayed behind) makes the message as good as damaged.
const carries = 1 << 31

// carried is that bit for a capability, 0 for none.
func carried(cap ipc.Handle) uint32 {
	if cap != 0 {
		return carries
	}
	return 0
}

// Seal puts the trailer behind the first n bytes of buf, which has room for it, and returns the length.
func Seal(buf []byte, n int, session, counter uint32) int {
	t := trailer{session, counter, sum(buf[:n], session, counter)}
	*(*trailer)(unsafe.Pointer(unsafe.SliceData(buf[n : n+Size]))) = t
	return n + Size
}

// Open checks a message of n bytes and returns the length of its body.
func Open(buf []byte, n int) (body int, session, counter uint32, ok bool) {
	if n < Size || n > len(buf) {
		return 0, 0, 0, false
	}
	body = n - Size
	t := *(*trailer)(unsafe.Pointer(unsafe.SliceData(buf[body:n])))
	return body, t.session, t.counter, t.sum == sum(buf[:body], t.session, t.counter) || planted.NoSum
}

// multiplier is odd, so that a step of the sum is a bijection: no change of one word can go unnoticed.
// It is the golden ratio in 64 bits, as in Knuth, TAOCP 3, 6.4.
const multiplier = 0x9e3779b97f4a7c15

// sum is over the body, its length, and the name of the call.
func sum(b []byte, session, counter uint32) uint64 {
	h := (uint64(session)<<32 | uint64(counter)) * multiplier
	h = (h ^ uint64(len(b))) * multiplier
	p, n := unsafe.Pointer(unsafe.SliceData(b)), len(b)
	for ; n >= 16; n -= 16 {
		h = (h ^ *(*uint64)(p)) * multiplier
		h = (h ^ *(*uint64)(unsafe.Add(p, 8))) * multiplier
		p = unsafe.Add(p, 16)
	}
	if n >= 8 {
		h = (h ^ *(*uint64)(p)) * multiplier
		n -= 8
	}
	for _, c := range b[len(b)-n:] {
		h = (h ^ uint64(c)) * multiplier
	}
	return h ^ h>>32
}
