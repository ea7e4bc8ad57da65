package client

import (
	"starling/ipc"
	"starling/ipc/pagerwire"
)

// Batch collects ops for one message. Ops run in order and stop at the first
// that fails. A client has one batch: Batch clears and returns it.
type Batch struct {
	c      *Client
	count  int
	full   bool
	cap    ipc.Handle // to send
	got    ipc.Handle // received
	ops    [pagerwire.MaxOps]pagerwire.Command
	result [pagerwire.MaxOps]pagerwire.Outcome
}

// MaxOps is how many ops fit a batch; adding more makes Run answer Invalid
// without sending anything.
const MaxOps = pagerwire.MaxOps

// Batch clears and returns the client's batch. Direct calls use it too.
func (c *Client) Batch() *Batch {
	b := &c.batch
	b.count, b.full, b.cap, b.got = 0, false, 0, 0
	return b
}

// Room is how many more ops fit.
func (b *Batch) Room() int { return MaxOps - b.count }

func (b *Batch) add(cmd *pagerwire.Command) int {
	if b.count == MaxOps {
		b.full = true
		return 0
	}
	b.ops[b.count] = *cmd
	b.count++
	return b.count - 1
}

// SpaceCreate adds what Client.SpaceCreate does; later ops name the space
// NewSpace. Value of the result is the id, Handle the capability.
func (b *Batch) SpaceCreate() int {
	return b.add(&pagerwire.Command{Code: pagerwire.CodeSpaceCreate})
}

// SpaceFork adds Client.SpaceFork; the copy is NewSpace for later ops.
func (b *Batch) SpaceFork(parent Space) int {
	return b.add(&pagerwire.Command{Code: pagerwire.CodeSpaceFork, Space: uint32(parent)})
}

// SpaceDestroy adds Client.SpaceDestroy.
func (b *Batch) SpaceDestroy(s Space) int {
	return b.add(&pagerwire.Command{Code: pagerwire.CodeSpaceDestroy, Space: uint32(s)})
}

// Map adds Client.Map.
func (b *Batch) Map(s Space, r Region) int {
	return b.add(&pagerwire.Command{Code: pagerwire.CodeMap, Space: uint32(s), Address: r.Address,
		Pages: r.Pages, Access: r.Access, Object: uint32(r.Object), Offset: r.Offset, Flags: uint32(r.Flags)})
}

// Unmap adds Client.Unmap.
func (b *Batch) Unmap(s Space, va, pages uint64) int {
	return b.add(&pagerwire.Command{Code: pagerwire.CodeUnmap, Space: uint32(s), Address: va, Pages: pages})
}

// Protect adds Client.Protect.
func (b *Batch) Protect(s Space, va, pages uint64, access ipc.Access) int {
	return b.add(&pagerwire.Command{Code: pagerwire.CodeProtect, Space: uint32(s), Address: va, Pages: pages, Access: access})
}

// Move adds Client.Move.
func (b *Batch) Move(s Space, from, pages, to uint64) int {
	return b.add(&pagerwire.Command{Code: pagerwire.CodeMove, Space: uint32(s), Address: from, Pages: pages, Size: to})
}

// Discard adds Client.Discard.
func (b *Batch) Discard(s Space, va, pages uint64) int {
	return b.add(&pagerwire.Command{Code: pagerwire.CodeDiscard, Space: uint32(s), Address: va, Pages: pages})
}

// Populate adds Client.Populate; the value is the number of pages present.
func (b *Batch) Populate(s Space, va, pages uint64, access ipc.Access) int {
	return b.add(&pagerwire.Command{Code: pagerwire.CodePopulate, Space: uint32(s), Address: va, Pages: pages, Access: access})
}

// ObjectCreate adds Client.ObjectCreate; later ops name the object NewObject.
func (b *Batch) ObjectCreate(size uint64) int {
	return b.add(&pagerwire.Command{Code: pagerwire.CodeObjectCreate, Size: size})
}

// ObjectDestroy adds Client.ObjectDestroy.
func (b *Batch) ObjectDestroy(o Object) int {
	return b.add(&pagerwire.Command{Code: pagerwire.CodeObjectDestroy, Object: uint32(o)})
}

// Run sends the batch and returns OK or the status of the first op that failed.
// An empty batch is OK and sends nothing.
func (b *Batch) Run() Status {
	if b.full {
		return Invalid
	}
	if b.count == 0 {
		return OK
	}
	for i := range b.result[:b.count] {
		b.result[i] = pagerwire.Outcome{Status: pagerwire.StatusNotRun}
	}
	buf := b.c.t.Buffer()
	n := pagerwire.RequestLength(b.count)
	if len(buf) < n {
		return Transport
	}
	pagerwire.PutRequestHeader(buf, b.count)
	for i := range b.ops[:b.count] {
		pagerwire.PutOp(buf, i, &b.ops[i])
	}
	n, h, err := b.c.t.Call(b.c.endpoint, n, b.cap)
	if err != nil {
		return Transport
	}
	b.got = h
	if buf = b.c.t.Buffer(); n < 0 || n > len(buf) {
		return pagerwire.StatusMalformed
	}
	count, st := pagerwire.CheckAnswer(buf[:n])
	if st != OK {
		return st
	}
	if count != b.count {
		return pagerwire.StatusMalformed
	}
	for i := range b.result[:count] {
		pagerwire.GetResult(buf, i, &b.result[i])
		if st == OK {
			st = b.result[i].Status
		}
	}
	return st
}

// Value is what op i made or counted, 0 if it did not run.
func (b *Batch) Value(i int) uint64 { return b.result[i].Value }

// Status is the result of op i of the last Run.
func (b *Batch) Status(i int) Status { return b.result[i].Status }

// Class is why op i could not make a page present.
func (b *Batch) Class(i int) ipc.FaultClass { return b.result[i].Class }

// Handle is the capability that came with the answer, 0 if none.
func (b *Batch) Handle() ipc.Handle { return b.got }
