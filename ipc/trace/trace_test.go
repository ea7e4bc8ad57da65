package trace

import (
	"strings"
	"testing"

	"starling/ipc"
	"starling/ipc/console"
)

// silent answers everything and remembers what was logged.
type silent struct {
	ipc.Transport
	buffer [ipc.MessageSize]byte
	events []ipc.Event
	log    []string
	now    int64
}

func (s *silent) Buffer() []byte { return s.buffer[:] }
func (s *silent) Now() int64     { s.now += 10; return s.now }
func (s *silent) Log(l string)   { s.log = append(s.log, l) }
func (s *silent) Wait(_ ipc.Handle, ev *ipc.Event) error {
	*ev = s.events[0]
	s.events = s.events[1:]
	return nil
}
func (s *silent) Reply(ipc.Reply) error                   { return ipc.ErrStale }
func (s *silent) Answer(ipc.Token, int, ipc.Handle) error { return nil }
func (s *silent) Notify(ipc.Handle, uint64) error         { return nil }
func (s *silent) Call(_ ipc.Handle, n int, _ ipc.Handle) (int, ipc.Handle, error) {
	return 32, 0, nil
}

func TestUntracedServersPayNothing(t *testing.T) {
	s := &silent{}
	if got := Wrap(s, &ipc.ServerInfo{}, []string{"linux"}, nil); got != ipc.Transport(s) {
		t.Error("wrapped all the same")
	}
}

func TestLines(t *testing.T) {
	s := &silent{events: []ipc.Event{
		{Kind: ipc.EventSyscall, Token: ipc.Token{Thread: 3}},
		{Kind: ipc.EventFault, Token: ipc.Token{Thread: 3}, Address: 0x1000, Access: ipc.Write, Class: ipc.FaultNotMapped},
		{Kind: ipc.EventNotify, Bits: 5},
	}}
	var info ipc.ServerInfo
	if err := info.AddGrant("console", ipc.Grant{Kind: ipc.GrantWire, Handle: 9}); err != nil {
		t.Fatal(err)
	}
	w := Wrap(s, &info, []string{"linux", Flag}, func(*ipc.Event) string { return "write(1, 0x10, 3)" })
	var ev ipc.Event
	for range 3 {
		_ = w.Wait(1, &ev)
	}
	_ = w.Reply(ipc.Reply{Token: ipc.Token{Thread: 3}, Action: ipc.ActionPark, Mask: ipc.MaskResult})
	c := console.Client{Transport: w, Endpoint: 9}
	_, _ = c.Status(console.Errors)
	_ = w.Notify(7, 1)
	want := []string{
		"@trace 10 linux got thread-3 write(1, 0x10, 3)\n",
		"@trace 20 linux got thread-3 fault at 0x1000 access 2 class 1\n",
		"@trace 30 linux got kernel notification 0x5\n",
		"@trace 40 linux replied thread-3 park mask 0x1: stale token\n",
		"@trace 50 linux called console console 1(errors, 0 bytes, value 0x0) -> 32 bytes\n",
		"@trace 60 linux notified endpoint-7 bits 0x1\n",
	}
	if got := strings.Join(s.log, ""); got != strings.Join(want, "") {
		t.Errorf("got\n%swant\n%s", got, strings.Join(want, ""))
	}
}

// Whatever the message, it is put into words without reading past its end.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("PAGR"), 4)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		buf := make([]byte, ipc.MessageSize)
		copy(buf, data)
		message(buf, n)
	})
}
