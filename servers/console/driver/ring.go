package driver

// ringSize is the room of one direction of one channel in bytes.
const ringSize = 64 << 10

// ring is a queue of bytes of fixed size. head and tail count bytes since the start.
type ring struct {
	bytes      [ringSize]byte
	head, tail uint64
}

func (r *ring) length() int { return int(r.tail - r.head) }
func (r *ring) space() int  { return ringSize - r.length() }

// put takes as much of p as fits.
func (r *ring) put(p []byte) int {
	n := min(len(p), r.space())
	at := int(r.tail % ringSize)
	first := copy(r.bytes[at:], p[:n])
	copy(r.bytes[:], p[first:n])
	r.tail += uint64(n)
	return n
}

// get moves as much as there is into p.
func (r *ring) get(p []byte) int {
	n := min(len(p), r.length())
	at := int(r.head % ringSize)
	first := copy(p[:n], r.bytes[at:])
	copy(p[first:n], r.bytes[:])
	r.head += uint64(n)
	return n
}
