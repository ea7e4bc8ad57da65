package personality

import (
	"fmt"
	"sort"
	"strings"

	"starling/ipc"
	"starling/ipc/supervise"
)

// programEnded is called by the core when the program has ended.
func (p *Personality) programEnded(status int32) {
	p.report = supervise.Report{State: supervise.Exited, Code: uint32(status >> 8 & 0xff), Signal: uint32(status & 0x7f), Text: p.memoryKills()}
	p.changed()
}

// changed tells root that there is something to ask for.
func (p *Personality) changed() {
	if p.cfg.RootWire != 0 {
		p.t.Notify(p.cfg.RootWire, supervise.Changed)
	}
}

// answer is a call of root. Others have no business here.
func (p *Personality) answer(ev *ipc.Event) {
	buf := p.t.Buffer()
	r := supervise.Report{Status: ipc.ErrInvalid}
	if op, ok := supervise.Parse(buf, int(ev.Length)); ok && ev.Badge == supervise.Badge {
		switch op {
		case supervise.OpState:
			r = p.report
		case supervise.OpStats:
			r = supervise.Report{Text: p.statistics()}
		}
	}
	p.t.Answer(ev.Token, supervise.Put(buf, r), 0)
}

// statistics is lines of JSON: counters, and the system calls that were missed.
func (p *Personality) statistics() string {
	running, threads := p.k.RunnableThreads()
	var b strings.Builder
	fmt.Fprintf(&b, "{\"processes\":%d,\"threads\":%d,\"running\":%d,\"forks\":%d}\n",
		len(p.k.Processes()), threads, running, p.k.Forks())
	for _, m := range p.missing() {
		fmt.Fprintf(&b, "{\"missing\":%q,\"count\":%d}\n", m.name, m.count)
	}
	return b.String()
}

// memoryKills is a line of JSON for each of the last processes that had to end because memory
// had run out.
func (p *Personality) memoryKills() string {
	var b strings.Builder
	for _, m := range p.k.MemoryKills() {
		name := strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' || r == '"' || r == '\\' {
				return '?'
			}
			return r
		}, m.Name)
		fmt.Fprintf(&b, `{"memoryKilled":"%s","pid":%d,"resident":%d,"free":%d,"spare":%d}`+"\n", name, m.Pid, m.Resident, m.Free, m.Spare)
	}
	return b.String()
}

type missed struct {
	name  string
	count uint32
}

// missing lists the system calls that programs made and that do not exist, most
// frequent first.
func (p *Personality) missing() []missed {
	list := make([]missed, 0, len(p.k.Missing))
	for n, count := range p.k.Missing {
		list = append(list, missed{p.k.NameOf(n), count})
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].count != list[j].count {
			return list[i].count > list[j].count
		}
		return list[i].name < list[j].name
	})
	return list
}
