package live

import (
	"fmt"
	"time"

	"starling/ipc/control"
)

// Swapper swaps a server again and again.
type Swapper struct {
	Hub    *Hub
	Server string
	Every  time.Duration // between the end of one swap and the beginning of the next
	Builds []string      // take turns; none: the present one

	done   chan struct{}
	swaps  int
	failed []string
	pauses []int64 // ns of the machine
	bytes  uint64
}

// Start begins once the system runs.
func (s *Swapper) Start() {
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		select {
		case <-s.Hub.Started():
		case <-s.Hub.Gone:
			return
		}
		for {
			select {
			case <-s.Hub.Gone:
				return
			case <-time.After(s.Every):
			}
			c := control.Swap{Server: s.Server}
			if n := len(s.Builds); n > 0 {
				c.With = s.Builds[(s.swaps+len(s.failed))%n]
			}
			m, err := s.Hub.Ask(control.FromHost{Swap: &c})
			switch {
			case err != nil || m.Swap == nil:
				return
			case m.Swap.Error != "":
				s.failed = append(s.failed, m.Swap.String())
			default:
				s.swaps++
				s.pauses = append(s.pauses, m.Swap.Pause)
				s.bytes = max(s.bytes, m.Swap.Bytes)
			}
		}
	}()
}

// Summary waits for the end of the machine and says how it went.
func (s *Swapper) Summary() (lines []string) {
	<-s.done
	var total, longest int64
	for _, p := range s.pauses {
		total += p
		longest = max(longest, p)
	}
	mean := total / max(int64(len(s.pauses)), 1)
	lines = append(lines, fmt.Sprintf("%d swaps of %s, %d failed; pause %.3f ms on average, %.3f ms at most; state up to %d bytes",
		s.swaps, s.Server, len(s.failed), float64(mean)/1e6, float64(longest)/1e6, s.bytes))
	return append(lines, s.failed...)
}
