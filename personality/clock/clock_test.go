package clock

import (
	"bytes"
	"fmt"
	"sort"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"starling/personality/state"
)

// world is a core that does what a test says.
type world struct {
	events  []string
	outcome Outcome
	user    map[int32]int64
}

func (w *world) note(format string, args ...any) {
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

func (w *world) take() []string {
	e := w.events
	w.events = nil
	return e
}

func (w *world) ThreadCPU(id int32) (int64, int64, bool) { return w.ProcessCPU(id) }
func (w *world) ProcessCPU(id int32) (int64, int64, bool) {
	u, ok := w.user[id]
	return u, 0, ok
}
func (w *world) CallExpired(id uint64)       { w.note("call %d", id) }
func (w *world) TimerFDExpired(id uint64)    { w.note("timerfd %d", id) }
func (w *world) AccountCPU(int32)            {}
func (w *world) CPULimit(int32, int64) int64 { return 0 }
func (w *world) ClockWasSet()                { w.note("set") }
func (w *world) SendTimerSignal(s TimerSignal) Outcome {
	w.note("signal %d to %d timer %d value %d", s.Signal, s.Process, s.Number, s.Value)
	return w.outcome
}

func newWorld() (*world, *Clock) {
	w := &world{user: map[int32]int64{1: 0, 2: 0}}
	return w, New(1000*second, w)
}

func expect(t *testing.T, w *world, want ...string) {
	t.Helper()
	if got := w.take(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// Timers expire in the order of their latest moments, kind and id, whatever was done to the queue before,
// and none before its deadline.
func TestQueueOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := Queue{next: Never}
		timers := make([]Timer, 12)
		for i := range timers {
			timers[i] = Timer{Kind: Kind(i % 3), ID: uint64(i / 3)}
		}
		armed, early := map[int]int64{}, map[int]int64{}
		for range rapid.IntRange(0, 60).Draw(t, "operations") {
			i := rapid.IntRange(0, len(timers)-1).Draw(t, "timer")
			if rapid.Bool().Draw(t, "stop") {
				q.Stop(&timers[i])
				delete(armed, i)
			} else {
				d, slack := rapid.Int64Range(1, 9).Draw(t, "deadline"), rapid.Int64Range(0, 3).Draw(t, "slack")
				q.SetWithin(&timers[i], d, slack)
				armed[i], early[i] = d+slack, d
			}
		}
		var want []int
		for i := range armed {
			want = append(want, i)
		}
		sort.Slice(want, func(a, b int) bool {
			x, y := want[a], want[b]
			if armed[x] != armed[y] {
				return armed[x] < armed[y]
			}
			if timers[x].Kind != timers[y].Kind {
				return timers[x].Kind < timers[y].Kind
			}
			return timers[x].ID < timers[y].ID
		})
		for _, i := range want {
			if e := q.Earliest(); e != armed[i] {
				t.Fatalf("earliest %d, want %d", e, armed[i])
			}
			if got := q.Expired(early[i] - 1); got != nil {
				t.Fatalf("%+v expired before its deadline", got)
			}
			if got := q.Expired(early[i]); got != &timers[i] || got.Armed() {
				t.Fatalf("expired %+v, want %+v", got, timers[i])
			}
		}
		if q.Expired(100) != nil || q.Earliest() != Never {
			t.Fatal("the queue is not empty")
		}
	})
}

func TestAlarmRepeatsWhenTaken(t *testing.T) {
	w, c := newWorld()
	c.SetInterval(1, unix.ITIMER_REAL, 10, 10)
	if e := c.Advance(9); e != 10 {
		t.Errorf("earliest %d", e)
	}
	expect(t, w)
	c.Advance(10)
	expect(t, w, "signal 14 to 1 timer 0 value 0")
	c.Advance(50)
	expect(t, w) // the signal is still there
	c.AlarmTaken(1)
	if left, _ := c.Interval(1, unix.ITIMER_REAL); left != 1000 {
		t.Errorf("left %d: less than a microsecond shows as one", left)
	}
	if e := c.Advance(59); e != 60 {
		t.Errorf("earliest %d", e)
	}
	c.Advance(60)
	expect(t, w, "signal 14 to 1 timer 0 value 0")
}

func TestCPUTimersLookAgain(t *testing.T) {
	w, c := newWorld()
	c.SetInterval(1, unix.ITIMER_VIRTUAL, 3*Tick, 2*Tick)
	if e := c.Earliest(); e != 3*Tick {
		t.Errorf("earliest %d", e)
	}
	w.user[1] = Tick // it ran a third of the time
	if e := c.Advance(3 * Tick); e != 5*Tick {
		t.Errorf("earliest %d", e)
	}
	expect(t, w)
	w.user[1] = 4 * Tick
	c.Advance(5 * Tick)
	expect(t, w, "signal 26 to 1 timer 0 value 0")
	if left, interval := c.Interval(1, unix.ITIMER_VIRTUAL); left != Tick || interval != 2*Tick {
		t.Errorf("left %d of %d", left, interval)
	}
	c.ProcessGone(1)
	if c.Earliest() != Never {
		t.Error("timers outlive their process")
	}
}

func TestPosixTimers(t *testing.T) {
	w, c := newWorld()
	n, _ := c.CreatePosix(1, PosixSpec{Clock: unix.CLOCK_MONOTONIC, Signal: 40, Value: 5})
	m, _ := c.CreatePosix(1, PosixSpec{Clock: unix.CLOCK_REALTIME, Signal: 14, SelfValue: true})
	if n != 0 || m != 1 {
		t.Fatalf("numbers %d %d", n, m)
	}
	c.SetPosix(1, n, false, 10, 10)
	c.SetPosix(1, m, true, 1000*second+1000, 0) // a date
	c.Advance(10)
	expect(t, w, "signal 40 to 1 timer 0 value 5")
	c.Advance(45)
	if left, interval, _ := c.Posix(1, n); left != 5 || interval != 10 {
		t.Errorf("left %d of %d", left, interval)
	}
	if o := c.PosixTaken(1, n); o != 3 {
		t.Errorf("overrun %d", o)
	}
	if o, _ := c.Overrun(1, n); o != 3 {
		t.Errorf("overrun %d", o)
	}
	// The clock is set forward: the date comes sooner.
	if e := c.SetWall(c.WallNow() + 900); e != 0 {
		t.Fatal(e)
	}
	c.Advance(100)
	expect(t, w, "set", "signal 40 to 1 timer 0 value 5", "signal 14 to 1 timer 1 value 1")

	// An ignored signal lets the timer go on, at most each tick.
	w.outcome = Ignored
	c.SetPosix(1, n, false, 10, 10)
	c.Advance(110)
	expect(t, w, "signal 40 to 1 timer 0 value 5")
	if e := c.Earliest(); e < Tick {
		t.Errorf("looks again at %d", e)
	}
	c.Exec(1)
	if c.Earliest() != Never {
		t.Error("timers survive execve")
	}
	if _, _, e := c.SetPosix(1, n, false, 1, 0); e != unix.EINVAL {
		t.Errorf("%v", e)
	}
}

func TestCPUClockIDs(t *testing.T) {
	for _, test := range []struct {
		id     int32
		want   CPU
		ok     bool
		encode int32
	}{
		{unix.CLOCK_PROCESS_CPUTIME_ID, CPU{7, false, cpuSched}, true, ^7<<3 | 2},
		{unix.CLOCK_THREAD_CPUTIME_ID, CPU{8, true, cpuSched}, true, ^8<<3 | 6},
		{^9<<3 | 1, CPU{9, false, cpuVirt}, true, ^9<<3 | 1},
		{^0 << 3, CPU{7, false, cpuProf}, true, ^7 << 3},
		{unix.CLOCK_REALTIME, CPU{}, false, 0},
		{^9<<3 | 3, CPU{}, false, 0},
	} {
		got, ok := ParseCPU(test.id, 7, 8)
		if got != test.want || ok != test.ok || ok && got.Encode() != test.encode {
			t.Errorf("%d: %+v %v", test.id, got, ok)
		}
	}
}

// The state goes over to another clock, which goes on as the first would have.
func TestStateSurvives(t *testing.T) {
	w, c := newWorld()
	c.SetNow(100)
	c.SetInterval(1, unix.ITIMER_REAL, 1000, 1000)
	c.SetInterval(1, unix.ITIMER_PROF, 5000, 0)
	c.SetInterval(2, unix.ITIMER_REAL, 50, 70)
	n, _ := c.CreatePosix(2, PosixSpec{Clock: unix.CLOCK_REALTIME, Signal: 40, Notify: SigevSignal})
	c.SetPosix(2, n, true, 1000*second+700, 30)
	c.CreatePosix(2, PosixSpec{Clock: CPU{ID: 1, which: cpuSched}.Encode(), Target: 1, Notify: SigevNone})
	c.Advance(300) // one alarm waits to be taken
	w.take()
	codec := state.CodecOf[state.ClockT]("Clock")
	bytesOf := func(c *Clock) []byte { return codec.Encode(c.Export()) }
	before := bytesOf(c)
	w2, d := newWorld()
	d.SetNow(300)
	s, err := codec.Decode(before)
	if err != nil {
		t.Fatal(err)
	}
	d.Import(s)
	if !bytes.Equal(before, bytesOf(d)) {
		t.Fatal("the state is not the same after an import")
	}
	run := func(w *world, c *Clock) string {
		c.AlarmTaken(2)
		w.user[1] = 6000
		c.Advance(2000)
		c.Advance(10 * Tick)
		return fmt.Sprint(w.take(), c.Earliest())
	}
	if a, b := run(w, c), run(w2, d); a != b {
		t.Errorf("went on to %s, want %s", b, a)
	}
}

func TestLoad(t *testing.T) {
	_, c := newWorld()
	running := 1
	c.Runnable = func() int { return running }
	for i := range int64(600) {
		c.SetNow(i * second)
	}
	if c.Load1 < 2040 || c.Load5 < 1700 || c.Load15 < 900 {
		t.Errorf("after ten minutes of work: %d %d %d", c.Load1, c.Load5, c.Load15)
	}
	running = 0
	c.SetNow(1200 * second)
	if c.Load1 != 0 || c.Load5 == 0 {
		t.Errorf("after ten minutes of rest: %d %d", c.Load1, c.Load5)
	}
}

func TestNanoseconds(t *testing.T) {
	for _, test := range []struct {
		sec, nsec, want int64
		e               unix.Errno
	}{
		{1, 5, second + 5, 0}, {0, second, 0, unix.EINVAL}, {-1, 0, 0, unix.EINVAL}, {0, -1, 0, unix.EINVAL},
		{1 << 62, 0, MaxTime, 0},
	} {
		if got, e := Nanoseconds(test.sec, test.nsec); got != test.want || e != test.e {
			t.Errorf("%d.%d: %d %v", test.sec, test.nsec, got, e)
		}
	}
}
