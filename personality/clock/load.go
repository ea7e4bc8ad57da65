package clock

// The load average is the number of threads that run or want to, smoothed over 1, 5
// and 15 minutes: each loadPeriod it moves towards the present number by 1 - e^(-5s/T).
// Numbers have 11 bits of fraction (include/linux/sched/loadavg.h).
const (
	loadOne    = 1 << 11
	loadPeriod = 5 * second
	decay1     = 1884
	decay5     = 2014
	decay15    = 2037
	// loadForgets is the number of periods after which nothing is left of any
	// average: looking back further changes nothing.
	loadForgets = 4096
)

// lookAtLoad does the periods that have passed. Without events between two of them nothing
// changed in the number of threads.
func (c *Clock) lookAtLoad() {
	if c.NextLoad == 0 {
		c.NextLoad = c.now + loadPeriod
		return
	}
	active := uint64(0)
	if c.Runnable != nil {
		active = uint64(c.Runnable()) * loadOne
	}
	periods := (c.now-c.NextLoad)/loadPeriod + 1
	c.NextLoad += periods * loadPeriod
	for range min(periods, loadForgets) {
		for _, l := range [...]struct {
			v     *uint64
			decay uint64
		}{{&c.Load1, decay1}, {&c.Load5, decay5}, {&c.Load15, decay15}} {
			n := *l.v*l.decay + active*(loadOne-l.decay)
			if active >= *l.v {
				n += loadOne - 1 // rounded up while it rises, so that it gets there
			}
			*l.v = n / loadOne
		}
	}
}
