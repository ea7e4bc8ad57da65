package inject

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"starling/ipc"
	"starling/ipc/fault"
	"starling/ipc/lab"
	"starling/ipc/pagerwire"
	"starling/ipc/sim"
)

// bench is a client and a server with a lab between them, and root, on a simulated kernel.
type bench struct {
	k        *sim.Kernel
	client   *sim.Transport
	server   *sim.Transport
	wire     ipc.Handle // of the client, to the lab
	report   lab.Report
	executed []uint64
	bits     uint64 // notified at the server
	orders   []lab.Command
}

const clientBadge = 7

func newBench(t *testing.T, rules ...string) *bench {
	t.Helper()
	var plan fault.Plan
	for _, text := range rules {
		r, err := fault.ParseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		plan = append(plan, r)
	}
	b := &bench{k: sim.New(sim.Config{MemoryPages: 64})}
	b.client, b.server = b.k.Server("client"), b.k.Server("server")
	between := b.k.Server("lab")
	endpoint := func(tr *sim.Transport) ipc.Handle {
		h, err := tr.EndpointCreate()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	mint := func(from *sim.Transport, h ipc.Handle, to *sim.Transport, badge uint64) ipc.Handle {
		m, err := from.EndpointMint(h, badge)
		if err != nil {
			t.Fatal(err)
		}
		return to.Give(from, m)
	}
	serverEnd, labEnd := endpoint(b.server), endpoint(between)
	b.wire = mint(between, labEnd, b.client, clientBadge)
	b.client.Tap(b.wire, 0)
	b.server.Tap(0, clientBadge)
	b.report.Armed = 1
	l := New(&obeyed{between, b, labEnd}, Config{From: "linux", To: "pager", Plan: plan, Self: labEnd, Report: &b.report,
		Target: mint(b.server, serverEnd, between, clientBadge), Root: rootWire})
	between.Serve(labEnd, l)
	b.server.Serve(serverEnd, sim.HandlerFunc(b.serve))
	return b
}

// rootWire is a handle that the simulated kernel does not know: root is played by obeyed.
const rootWire = 1000

// obeyed is a kernel with a root that carries out orders at once, as one does that has a higher priority.
type obeyed struct {
	*sim.Transport
	b    *bench
	self ipc.Handle
}

func (o *obeyed) Notify(h ipc.Handle, bits uint64) error {
	if h != rootWire {
		return o.Transport.Notify(h, bits)
	}
	o.b.orders = append(o.b.orders, o.b.report.Order)
	o.b.report.Done = o.b.report.Number
	return o.Transport.Notify(o.self, lab.DoneBit)
}

// serve answers a number with twice the number.
func (b *bench) serve(ev *ipc.Event) {
	if ev.Kind == ipc.EventNotify {
		b.bits |= ev.Bits
		return
	}
	at := b.server.Buffer()[pagerwire.HeaderSize+8:]
	v := binary.LittleEndian.Uint64(at)
	b.executed = append(b.executed, v)
	binary.LittleEndian.PutUint64(at, 2*v)
	_ = b.server.Answer(ev.Token, int(ev.Length), 0)
}

const mapOp = 5 // ipc/schema/pager.fbs

// call makes a call with a number and checks the answer.
func (b *bench) call(v uint64) error {
	const n = pagerwire.HeaderSize + pagerwire.OpSize
	buf := b.client.Buffer()
	clear(buf[:n])
	buf[pagerwire.HeaderSize] = mapOp
	at := buf[pagerwire.HeaderSize+8:]
	binary.LittleEndian.PutUint64(at, v)
	got, _, err := b.client.Call(b.wire, n, 0)
	if err != nil {
		return err
	}
	if back := binary.LittleEndian.Uint64(at); got != n || back != 2*v {
		return fmt.Errorf("%d bytes, answer %d to %d", got, back, v)
	}
	return nil
}

// Whatever strikes one message, each call is executed once and gets its own answer.
func TestNothingIsLostOnAWire(t *testing.T) {
	for _, message := range []string{"map", "map-answer"} {
		p := fault.Find("linux>pager", message)
		for _, k := range p.Kinds {
			if p.Expect(k) != fault.Unnoticed {
				continue
			}
			for _, arg := range []int{0, 77, 4242} {
				rule := fmt.Sprintf("linux>pager %s %s 1 %d", message, k, arg)
				b := newBench(t, rule)
				for v := range uint64(4) {
					if err := b.call(v + 1); err != nil {
						t.Errorf("%s, call %d: %v", rule, v, err)
					}
				}
				if fmt.Sprint(b.executed) != "[1 2 3 4]" || b.report.Struck != 1 || b.report.Said() != "" {
					t.Errorf("%s: executed %v, struck %b, %q", rule, b.executed, b.report.Struck, b.report.Said())
				}
			}
		}
	}
}

// A server that is struck down takes the call with it: before the effect, or after.
func TestACrashBeforeAndAfter(t *testing.T) {
	for _, c := range []struct{ kind, executed string }{{"crash-before", "[1 3]"}, {"crash-after", "[1 2 3]"}} {
		b := newBench(t, "linux>pager map "+c.kind+" 1")
		var errs []error
		for v := range uint64(3) {
			errs = append(errs, b.call(v+1))
		}
		if errs[0] != nil || !errors.Is(errs[1], ipc.ErrGone) || errs[2] != nil || fmt.Sprint(b.executed) != c.executed ||
			len(b.orders) != 1 || b.orders[0] != lab.Crash {
			t.Errorf("%s: %v, executed %v, orders %v", c.kind, errs, b.executed, b.orders)
		}
	}
}

// Before it is armed a lab neither counts nor strikes.
func TestNotArmed(t *testing.T) {
	b := newBench(t, "linux>pager map drop 0")
	b.report.Armed = 0
	if err := b.call(1); err != nil || b.report.Messages != 0 || b.report.Struck != 0 {
		t.Errorf("%v, %d messages, struck %b", err, b.report.Messages, b.report.Struck)
	}
	b.report.Armed = 1
	if err := b.call(2); err != nil || b.report.Messages == 0 || b.report.Struck != 1 {
		t.Errorf("%v, %d messages, struck %b", err, b.report.Messages, b.report.Struck)
	}
}

// The same messages have the same digest, others have not.
func TestTheDigest(t *testing.T) {
	run := func(v uint64, rules ...string) uint64 {
		b := newBench(t, rules...)
		if err := b.call(v); err != nil {
			t.Fatal(err)
		}
		return b.report.Hash
	}
	first, again := run(1), run(1)
	if first != again || first == run(2) || first == run(1, "linux>pager map drop 0") {
		t.Error("digests do not tell runs apart")
	}
}

func TestNotifications(t *testing.T) {
	for _, c := range []struct {
		rule string
		want uint64
	}{
		{"linux>root notify drop 0", 0}, {"linux>root notify delay 0 5", 6}, {"linux>root notify duplicate 0", 6},
		{"linux>root notify flip 0 3", 14}, {"linux>root notify drop 1", 6},
	} {
		b := newBench(t, c.rule)
		k := &fake{}
		l := New(k, Config{From: "linux", To: "root", Plan: plan(t, c.rule), Report: &b.report})
		l.Handle(&ipc.Event{Kind: ipc.EventNotify, Bits: 6, Time: 1})
		l.Handle(&ipc.Event{Kind: ipc.EventTimer, Time: 1e9})
		if k.bits != c.want {
			t.Errorf("%s: %#x, want %#x", c.rule, k.bits, c.want)
		}
	}
}

func plan(t *testing.T, text string) fault.Plan {
	r, err := fault.ParseRule(text)
	if err != nil {
		t.Fatal(err)
	}
	return fault.Plan{r}
}
