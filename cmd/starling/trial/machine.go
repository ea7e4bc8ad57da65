package trial

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"starling/cmd/starling/qemu"
	"starling/cmd/starling/session"
	"starling/ipc/control"
	"starling/ipc/fault"
	"starling/test/faults"
)

// sight is what was seen of one machine.
type sight struct {
	status   int
	output   string
	errors   string
	messages []string
	guest    guest
	heard    bool // the guest said what it saw
	labs     []control.Lab
	stats    control.Stats
	deaths   []control.Death
	failures []string // swaps that did not go well
}

// guest is the line that the guest writes at the end: test/faults/guest.
type guest struct {
	ended, gone       int
	status, bystander uint64
	free              uint64 // pages
	processes         int
	took              int64 // ns
}

const guestLine = "@seen ended=%d gone=%d status=%v bystander=%v free=%d processes=%d took=%d"

// wallLimit is how long a machine may run by the host's clock: what stands still inside of it is found by the guest, by the
// machine's own clock, long before.
const wallLimit = 4 * time.Minute

// planBytes is the room for a plan in the image.
const planBytes = 4096

// boot runs a case to the end of its machine. limit is how long the scenario may take, in ns of the machine.
func (l *Laboratory) boot(c faults.Case, s *scenario, limit int64) (*sight, error) {
	var plan bytes.Buffer
	for _, r := range c.Plan {
		fmt.Fprintln(&plan, r)
	}
	// As many pages of the image with a plan as without one: pages are counted.
	plan.Write(bytes.Repeat([]byte("\n"), max(0, planBytes-plan.Len())))
	argv := append([]string{GuestPath, fmt.Sprint(limit / 1e6)}, s.argv...)
	config, image, err := l.compose(Setup{Argv: argv, Terminal: s.terminal, Seed: c.Seed + 1, Plan: plan.Bytes()})
	if err != nil {
		return nil, err
	}
	machine, err := qemu.Start(config, image)
	if err != nil {
		return nil, err
	}
	defer machine.Kill()
	interrupt := make(chan os.Signal, 1)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-l.ctx.Done():
			interrupt <- syscall.SIGINT
		case <-ended:
		}
	}()
	var out, errs bytes.Buffer
	v := &sight{}
	var lock sync.Mutex
	one := session.Session{
		Machine: machine, Terminal: machine.Terminal, Control: machine.Control, Errors: machine.Errors, Emergency: machine.Emergency,
		Output: &out, Stderr: &errs, Timeout: wallLimit, Interrupt: interrupt, Silent: true,
		OnLine: func(line []byte) {
			lock.Lock()
			defer lock.Unlock()
			v.line(line)
		},
	}
	status, messages := one.Run()
	if l.ctx.Err() != nil {
		return nil, l.ctx.Err()
	}
	machine.Kill()
	lock.Lock()
	defer lock.Unlock()
	v.status, v.messages = status, messages
	v.read(out.String(), errs.String())
	return v, nil
}

// line takes a line of the control channel.
func (v *sight) line(line []byte) {
	var m control.ToHost
	if json.Unmarshal(line, &m) != nil {
		return
	}
	switch {
	case m.Lab != nil:
		v.labs = append(v.labs, *m.Lab)
	case m.Stats != nil:
		v.stats = *m.Stats
	case m.Death != nil:
		if !slices.ContainsFunc(v.deaths, func(d control.Death) bool { return d.Server == m.Death.Server && d.Generation == m.Death.Generation }) {
			v.deaths = append(v.deaths, *m.Death)
		}
	case m.Swap != nil && m.Swap.Error != "":
		v.failures = append(v.failures, m.Swap.String())
	}
}

// read takes the guest's line, which it writes twice, out of what was written.
func (v *sight) read(output, errs string) {
	keep := func(text string) string {
		var rest strings.Builder
		for line := range strings.Lines(text) {
			var g guest
			if n, _ := fmt.Sscanf(strings.TrimSpace(line), guestLine, &g.ended, &g.gone, &g.status, &g.bystander, &g.free, &g.processes, &g.took); n == 7 {
				v.guest, v.heard = g, true
			} else if !strings.HasPrefix(line, "@seen") {
				rest.WriteString(line)
			}
		}
		return rest.String()
	}
	v.output, v.errors = keep(output), keep(errs)
}

// hash is over all messages that the labs saw.
func (v *sight) hash() (sum, messages uint64) {
	h := fnv.New64a()
	for _, l := range v.labs {
		fmt.Fprintln(h, l.From, l.To, l.Hash, l.Messages)
		messages += l.Messages
	}
	return h.Sum64(), messages
}

// count is how many messages of a place there were.
func (v *sight) count(p *fault.Place) uint64 {
	for _, l := range v.labs {
		if i := slices.Index(fault.Of(l.From, l.To), p); i >= 0 && i < len(l.Counts) {
			return l.Counts[i]
		}
	}
	return 0
}

// struck reports whether rule i of the plan struck.
func (v *sight) struck(i int) bool {
	for _, l := range v.labs {
		if l.Struck>>i&1 != 0 {
			return true
		}
	}
	return false
}
