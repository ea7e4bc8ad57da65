package supervisor

import (
	"bytes"
	"fmt"
	"strings"

	"starling/ipc"
	"starling/ipc/control"
	"starling/ipc/supervise"
)

// swap is one planned change of a server's instance. The protocol is in
// ipc/supervise; the order of the steps is that of the constants. A step that fails or
// takes too long before the move ends with the old instance going on.
type swap struct {
	id       uint64 // of the command
	server   *server
	old      *instance
	next     *instance
	limit    int64 // of a step, ns
	step     step
	began    int64 // all times ns since boot
	warm     int64
	deadline int64
	awaited  uint32     // number of the order that is being carried out
	peer     ipc.Handle // the new instance's thread, among the old one's capabilities
	handed   supervise.Outcome
	report   control.Swapped
}

// step is what a swap waits for.
type step int

const (
	stepStart    step = iota // the new instance is getting ready
	stepHandOver             // the old one exports
	stepTakeOver             // the new one imports
	stepCompare              // nobody: root compares
	stepCommit               // the new one begins to take events
)

var stepNames = [...]string{"start", "hand-over", "take-over", "compare", "commit"}

// defaultLimit of a step in ns: far more than any takes, even under an emulator that
// shares its processor.
const defaultLimit = 30e9

func (r *Root) swapping() bool { return r.swap != nil }

// order writes an order into an instance's page. Who is told where to look is the
// caller's business.
func (r *Root) order(in *instance, o supervise.Order) uint32 {
	r.orders++
	o.Number = r.orders
	in.page().PutOrder(o)
	if o.Command != supervise.CommandStart { // which is not answered
		in.given = o.Number
	}
	return o.Number
}

// askSign asks an instance for a sign of life and returns the number of the order to wait
// for. There is room for one order only: while one is not answered, its answer is the sign.
func (r *Root) askSign(in *instance) uint32 {
	if !in.signed(in.given) {
		return in.given
	}
	n := r.order(in, supervise.Order{Command: supervise.CommandSign})
	_ = r.t.Notify(in.endpoint, supervise.HandOverBit)
	return n
}

// startSwap does what a line of the host asks for.
func (r *Root) startSwap(id uint64, c *control.Swap) {
	w := &swap{id: id, limit: c.Limit, began: r.t.Now(), report: control.Swapped{Server: c.Server, To: c.With}}
	if w.limit <= 0 {
		w.limit = defaultLimit
	}
	refuse := func(format string, args ...any) {
		w.report.Error, w.report.Step = fmt.Sprintf(format, args...), stepNames[stepStart]
		r.say(control.ToHost{ID: id, Swap: &w.report})
	}
	s, ok := r.byName(c.Server)
	if !ok {
		refuse("there is no server %q; there are %s", c.Server, strings.Join(r.names(nil), ", "))
		return
	}
	w.report.From, w.report.Generation = s.now.name, s.generation
	if w.report.To == "" {
		w.report.To = s.now.name
	}
	b := s.findBuild(w.report.To)
	switch {
	case r.swapping():
		refuse("a swap of %s is going on: wait for its end", r.swap.server.spec.Name)
	case r.ending.decided:
		refuse("the machine is stopping")
	case !s.spec.Swap:
		refuse("the manifest does not let %s be swapped; it does %s", c.Server,
			strings.Join(r.names(func(s *server) bool { return s.spec.Swap }), ", "))
	case b == nil:
		refuse("%s has no build %q; the image has %s", c.Server, c.With, strings.Join(s.buildNames(), ", "))
	case b.broken != nil:
		refuse("build %s cannot be started: %v", b.name, b.broken)
	default:
		w.server, w.old = s, s.now
		w.next = &instance{server: s, build: b, room: s.rooms[1-s.now.index], serial: s.generation + 1}
		r.swap = w
		r.answerQuestions(w.began)
		if err := r.start(w.next, supervise.CommandWarm); err != nil {
			r.rollBack(err.Error())
			return
		}
		r.await(stepStart, r.orders)
	}
}

func (s *server) findBuild(name string) *build {
	for _, b := range s.builds {
		if b.name == name {
			return b
		}
	}
	return nil
}

func (s *server) buildNames() (names []string) {
	for _, b := range s.builds {
		names = append(names, b.name)
	}
	return names
}

// names lists the servers that are so.
func (r *Root) names(so func(*server) bool) (names []string) {
	for _, s := range r.servers {
		if so == nil || so(s) {
			names = append(names, s.spec.Name)
		}
	}
	return names
}

// await notes what a swap waits for.
func (r *Root) await(at step, order uint32) {
	w := r.swap
	w.step, w.awaited = at, order
	w.deadline = r.t.Now() + w.limit
	r.setTimer()
}

// timedOut is the end of a swap whose step takes too long.
func (r *Root) timedOut(now int64) {
	w := r.swap
	if w == nil || now < w.deadline {
		return
	}
	who := "the new instance"
	if w.step == stepHandOver {
		who = "the old instance"
	}
	r.rollBack(fmt.Sprintf("%s did not answer within %d ms", who, w.limit/1e6))
}

// staged looks at how far the two instances have come.
func (r *Root) staged() {
	w := r.swap
	if w == nil {
		return
	}
	in := w.next
	if w.step == stepHandOver {
		in = w.old
	}
	out := in.page().Outcome()
	if out.Answers != w.awaited {
		return
	}
	if out.Stage == supervise.StageRefused {
		r.rollBack("refused: " + out.Text)
		return
	}
	want := [...]supervise.Stage{stepStart: supervise.StageWarm, stepHandOver: supervise.StageHandedOver,
		stepTakeOver: supervise.StageTakenOver, stepCommit: supervise.StageActive}
	if out.Stage != want[w.step] {
		r.rollBack(fmt.Sprintf("an instance says that it is in stage %d", out.Stage))
		return
	}
	switch w.step {
	case stepStart:
		r.handOver()
	case stepHandOver:
		w.handed = out
		w.report.HandOver = r.t.Now() - w.warm
		n := r.order(w.next, supervise.Order{Command: supervise.CommandTakeOver, Object: out.Object, Size: out.Size})
		r.tell(w.next, stepTakeOver, n)
	case stepTakeOver:
		r.compare(out)
	case stepCommit:
		r.moved()
	}
}

// tell notifies an instance at its own endpoint of an order.
func (r *Root) tell(in *instance, at step, order uint32) {
	_ = r.t.Notify(in.orders, supervise.OrderBit)
	r.await(at, order)
}

// handOver stops the deliveries: the old instance exports at its next message boundary.
func (r *Root) handOver() {
	w := r.swap
	// Each learns what the other knows, so that the digests are of the same fields.
	old, next := w.old.page().Fields(), w.next.page().Fields()
	if !bytes.Equal(old, next) {
		w.old.page().PutFields(next)
		w.next.page().PutFields(old)
	}
	if len(next) == 0 {
		r.rollBack("the new instance does not say what it knows of the state")
		return
	}
	peer, err := r.t.CapCopy(w.old.thread, w.next.thread)
	if err != nil {
		r.rollBack(fmt.Sprintf("a capability of the new instance: %v", err))
		return
	}
	w.peer, w.warm = peer, r.t.Now()
	n := r.order(w.old, supervise.Order{Command: supervise.CommandHandOver, Peer: peer})
	_ = r.t.Notify(w.server.endpoint, supervise.HandOverBit)
	r.await(stepHandOver, n)
}

// compare decides whether the new instance has understood the state.
func (r *Root) compare(out supervise.Outcome) {
	w := r.swap
	w.step = stepCompare
	w.report.TakeOver = r.t.Now() - w.warm - w.report.HandOver
	w.report.Bytes, w.report.Records = w.handed.Size, w.handed.Records
	w.report.DigestBefore, w.report.DigestAfter = digestText(w.handed.Digest), digestText(out.Digest)
	if w.handed.Digest != out.Digest {
		r.rollBack(fmt.Sprintf("the new instance exports another state than it was given: digest %s, not %s",
			w.report.DigestAfter, w.report.DigestBefore))
		return
	}
	r.tell(w.next, stepCommit, r.order(w.next, supervise.Order{Command: supervise.CommandCommit}))
}

func digestText(d uint64) string { return fmt.Sprintf("%016x", d) }

// moved ends a swap that went well.
func (r *Root) moved() {
	w := r.swap
	now := r.t.Now()
	w.server.install(w.next)
	w.report.Pause, w.report.Warm = now-w.warm, w.warm-w.began
	r.endSwap()
	if err := r.destroy(w.old); err != nil {
		r.say(control.ToHost{Log: fmt.Sprintf("swap of %s: the old instance: %v", w.server.spec.Name, err)})
	}
}

// rollBack ends a swap that did not: the old instance goes on as if nothing had been.
func (r *Root) rollBack(reason string) {
	w := r.swap
	if w == nil {
		return
	}
	if w.step >= stepHandOver && !w.old.dead {
		w.report.Pause, w.report.Warm = r.t.Now()-w.warm, w.warm-w.began
		r.order(w.old, supervise.Order{Command: supervise.CommandResume, Peer: w.peer})
		_ = r.t.Notify(w.old.orders, supervise.OrderBit)
	}
	w.report.Error, w.report.Step = reason, stepNames[w.step]
	r.endSwap()
	if err := r.destroy(w.next); err != nil {
		r.say(control.ToHost{Log: fmt.Sprintf("swap of %s: the new instance: %v", w.server.spec.Name, err)})
	}
}

// abandonSwap ends a swap whose old instance died.
func (r *Root) abandonSwap(s *server) {
	if w := r.swap; w != nil && w.server == s {
		r.rollBack("the old instance died")
	}
}

// endSwap tells the host how it ended.
func (r *Root) endSwap() {
	w := r.swap
	r.swap = nil
	r.setTimer()
	w.report.Generation = w.server.generation
	r.say(control.ToHost{ID: w.id, Swap: &w.report})
}
