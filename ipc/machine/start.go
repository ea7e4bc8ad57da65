package machine

import (
	"unsafe"

	"starling/ipc"
	"starling/ipc/callnum"
)

// Start checks the info page and returns it with the server's Transport. It is
// called once, first thing in a server's main.
func Start() (*Transport, *ipc.ServerInfo, error) {
	info := (*ipc.ServerInfo)(unsafe.Add(nil, uintptr(ipc.InfoAddress)))
	if err := info.Check(); err != nil {
		return nil, nil, err
	}
	t := &Transport{buffer: unsafe.Slice((*byte)(unsafe.Add(nil, uintptr(info.Buffer))), ipc.MessageSize)}
	t.next.number = callnum.Wait
	for _, g := range info.All() {
		switch {
		case g.Kind == ipc.GrantWire && g.Size == ipc.WireTapped:
			t.Tap(g.Handle, 0)
		case g.Kind == ipc.GrantTapped:
			t.Tap(0, g.Base)
		}
	}
	return t, info, nil
}
