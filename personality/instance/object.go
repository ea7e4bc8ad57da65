package instance

import (
	"fmt"

	"starling/ipc"
	"starling/ipc/supervise"
	"starling/pager/client"
)

// object is a memory object of the pager with a state in it. It belongs to the
// server, not to one of its instances.
type object struct {
	id   client.Object
	size uint64
}

// maxState bounds a state in bytes.
const maxState = 256 << 20

// store makes an object of b.
func store(p *client.Client, b []byte) (object, error) {
	o := object{size: uint64(len(b))}
	var st client.Status
	if o.id, st = p.ObjectCreate(o.size); st != client.OK {
		return object{}, fmt.Errorf("%w: %w", errMemory, st)
	}
	pages := (o.size + ipc.PageSize - 1) / ipc.PageSize
	for at := uint64(0); at < pages; {
		n, st := p.ObjectPopulate(o.id, at, pages-at)
		if st != client.OK || n == 0 {
			o.destroy(p)
			return object{}, errMemory
		}
		at += n
	}
	for i := uint64(0); i < pages; i++ {
		page, _ := p.ObjectPage(o.id, i)
		if page == nil {
			o.destroy(p)
			return object{}, errMemory
		}
		copy(page[:], b[i*ipc.PageSize:])
	}
	return o, nil
}

// ReadState copies the state out of the object that an order to take over names.
func ReadState(p *client.Client, order supervise.Order) ([]byte, error) {
	o := object{client.Object(order.Object), order.Size}
	if o.size == 0 || o.size > maxState {
		return nil, fmt.Errorf("a state of %d bytes", o.size)
	}
	b := make([]byte, o.size)
	for at := 0; at < len(b); at += ipc.PageSize {
		page, _ := p.ObjectPage(o.id, uint64(at/ipc.PageSize))
		if page == nil {
			return nil, fmt.Errorf("the state ends after %d of %d bytes", at, o.size)
		}
		copy(b[at:], page[:])
	}
	return b, nil
}

func (o *object) destroy(p *client.Client) {
	if o.id != 0 {
		p.ObjectDestroy(o.id)
		o.id = 0
	}
}
