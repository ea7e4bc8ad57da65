package pager

import (
	"testing"

	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/pager/client"
)

// send hands the pager a raw message and returns the answer.
func (b *bed) send(badge uint64, message []byte) []byte {
	e := b.p.t.(*pagerEnd)
	copy(e.buffer[:], message)
	e.answer = -1
	b.p.Handle(&ipc.Event{Kind: ipc.EventMessage, Badge: badge, Length: uint32(len(message)), Token: ipc.Token{Sequence: 1}})
	if e.answer < 0 {
		b.t.Fatal("the pager did not answer")
	}
	return e.buffer[:e.answer]
}

// FuzzMessage: any bytes at all get an answer, and leave the books right.
func FuzzMessage(f *testing.F) {
	whole := make([]byte, pagerwire.RequestLength(1))
	pagerwire.PutRequestHeader(whole, 1)
	pagerwire.PutOp(whole, 0, &pagerwire.Command{Code: pagerwire.CodeSpaceCreate})
	f.Add(whole)
	f.Add(whole[:20])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, message []byte) {
		b := newBed(t, 512, modelImage)
		answer := b.send(clientBadge, message[:min(len(message), ipc.MessageSize)])
		if count, st := pagerwire.CheckAnswer(answer); count == 0 && st == pagerwire.OK && len(message) != pagerwire.HeaderSize {
			t.Errorf("%d bytes were taken for an empty request", len(message))
		}
		b.sound()
	})
}

// FuzzOps runs batches whose every field comes from the fuzzer, over spaces and
// objects that exist.
func FuzzOps(f *testing.F) {
	f.Add([]byte{5, 0, 1, 0, 1, 3, 0, 0, 3, 6, 0, 1, 0, 2, 1, 0, 0, 0})
	f.Add([]byte{3, 0, 1, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0})
	f.Fuzz(fuzzOps)
}

func fuzzOps(t *testing.T, in []byte) {
	b := newBed(t, 512, modelImage)
	s := b.space()
	o, st := b.c.ObjectCreate(5 * 4096)
	b.ok(st)
	b.ok(b.c.Map(s, client.Region{Address: 0x1000, Pages: 8, Access: rw}))
	b.ok(b.c.Map(s, client.Region{Address: 0x1f_c000, Pages: 8, Access: rw, Object: o, Flags: client.Shared}))
	b.store(s, 0x2000, 1)
	b.store(s, 0x1f_d000, 1)
	var message [ipc.MessageSize]byte
	n := 0
	for ; len(in) >= 9 && n < pagerwire.MaxOps; n++ {
		c := pagerwire.Command{Code: pagerwire.Code(in[0] % 26), Flags: uint32(in[1]), Access: ipc.Access(in[8] & 7)}
		c.Space = [...]uint32{0, uint32(s), pagerwire.ThisSpace, uint32(s) + 1, 0x12345678}[in[2]%5]
		c.Object = [...]uint32{0, uint32(o), pagerwire.ThisObject, uint32(o) + 1<<20}[in[3]%4]
		c.Address = fuzzNumber(in[4]) << 12
		c.Pages = fuzzNumber(in[5])
		c.Offset = fuzzNumber(in[6]) << 12
		c.Size = fuzzNumber(in[7]) << 12
		if in[1]&0x80 != 0 {
			c.Address, c.Offset, c.Size = c.Address+5, c.Offset+7, c.Size+9
		}
		pagerwire.PutOp(message[:], n, &c)
		in = in[9:]
	}
	pagerwire.PutRequestHeader(message[:], n)
	for _, badge := range []uint64{clientBadge, adminBadge, 7} {
		answer := b.send(badge, message[:pagerwire.RequestLength(n)])
		if count, st := pagerwire.CheckAnswer(answer); count != n || st != pagerwire.OK {
			t.Fatalf("answer has %d results, %v", count, st)
		}
		b.sound()
	}
}

// fuzzNumber spreads a byte over the numbers that matter: small ones, and those at
// the ends of ranges.
func fuzzNumber(b byte) uint64 {
	if b < 128 {
		return uint64(b)
	}
	edges := [...]uint64{userPages - 1, userPages, userPages - 8, 1 << 27, 1<<36 - 1, 1 << 36, 1 << 51, 1<<52 - 1, 1<<63 - 1, 1 << 63, ^uint64(0), ^uint64(0) - 7, 510, 511, 512, 1 << 18}
	return edges[b%16] - uint64(b>>4%4)
}
