package runtime

// bareBeforeIdle runs when the scheduler has found nothing to run. There is one
// thread, so nothing can become runnable but by time or by what the hook does.
// pollUntil is when the next timer is due, 0 if there is none.
func bareBeforeIdle(now, pollUntil int64) (*g, bool) {
	ns := int64(-1)
	if pollUntil != 0 {
		if ns = pollUntil - nanotime(); ns <= 0 {
			return nil, true
		}
	}
	bareIdle(ns)
	return nil, true // look again
}

var bareIdleHook func(ns int64)

// BareSetIdle sets what is done when no goroutine can run: hook is called with
// the ns until the next timer, or -1, and should return when something may have
// changed. It runs on the scheduler's stack and must neither allocate nor block.
// Without a hook see the profile's bareIdle.
func BareSetIdle(hook func(ns int64)) { bareIdleHook = hook }

// CPU names the processor for packages written for tamago.
func CPU() string { return GOARCH }

// MemRegion is where tamago's allocators would find memory: they get none, the
// heap is the runtime's own affair.
func MemRegion() (start, size uint64) { return 0, 0 }
