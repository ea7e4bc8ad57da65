package personality

import (
	"errors"
	"fmt"

	"starling/ipc"
	"starling/ipc/supervise"
	"starling/pager/client"
	"starling/personality/state"
)

// ErrState is wrapped by every error of Import and Restore.
var ErrState = errors.New("state cannot be taken over")

// Export gives everything that survives a swap, laid out by the schemas in package
// state. It may be called whenever Handle is not running.
func (p *Personality) Export() []byte { return state.Codec.Encode(p.Snapshot()) }

var errShort = errors.New("there is no memory to write the state down")

// HandOver is the state for another server: the threads and spaces of programs are
// capabilities, so it gets copies of them, and the state names those. Nothing changes here.
func (p *Personality) HandOver(to ipc.Handle) (*state.PersonalityT, error) {
	if !p.k.RoomToHandOver() {
		return nil, errShort
	}
	s := p.Snapshot()
	for _, t := range s.Tasks.Threads {
		if err := p.give(to, &t.Handle); err != nil {
			return nil, fmt.Errorf("thread %d: %w", t.Tid, err)
		}
	}
	for _, m := range s.Memory.Spaces {
		if err := p.give(to, &m.Handle); err != nil {
			return nil, fmt.Errorf("space %d: %w", m.Id, err)
		}
	}
	return s, nil
}

// giveGrant is how many pages the kernel gets when its memory does not last for the
// other server's capability table.
const giveGrant = 16

// give copies a capability into the table of another server and turns the handle into
// the one it has there. 0 is that of a thread that has ended.
func (p *Personality) give(to ipc.Handle, h *uint32) error {
	for *h != 0 {
		copied, err := p.t.CapCopy(to, ipc.Handle(*h))
		if err == nil {
			*h = uint32(copied)
			break
		}
		if err != ipc.ErrMemory || p.k.Pager.KernelGrant(giveGrant) != client.OK {
			return err
		}
	}
	return nil
}

// Snapshot is the state as objects. They are good until the next event.
func (p *Personality) Snapshot() *state.PersonalityT {
	tasks, memory := p.k.Export()
	return &state.PersonalityT{
		Tasks: tasks, Memory: memory, Files: p.k.VFS.Export(), Clock: p.k.Clock.Export(), Terminals: p.ttys.Export(),
		Tracing: p.k.ExportTracing(), Probes: p.k.ExportProbes(),
		Report: uint32(p.report.State), ReportCode: p.report.Code, ReportSignal: p.report.Signal, ReportText: p.report.Text,
	}
}

// Import takes over an exported state. The personality must be fresh. After an error
// it is of no use.
func (p *Personality) Import(b []byte) error {
	s, err := state.Codec.Decode(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return p.Restore(s)
}

// Restore is Import for a state that consists of objects already. They belong to the
// personality from then on.
func (p *Personality) Restore(s *state.PersonalityT) error {
	if s.Tasks == nil || s.Memory == nil || s.Files == nil || s.Clock == nil || s.Terminals == nil {
		return fmt.Errorf("%w: a part is missing", ErrState)
	}
	p.k.ImportCounters(s.Tasks)
	if e := p.ttys.Import(s.Terminals); e != 0 {
		return fmt.Errorf("%w: terminals: %w", ErrState, e)
	}
	if s.Probes == nil {
		s.Probes = &state.ProbesT{} // of a build without probes
	}
	if e := p.k.ImportProbes(s.Probes); e != 0 {
		return fmt.Errorf("%w: probes: %w", ErrState, e)
	}
	r, e := p.k.VFS.Import(s.Files)
	if e != 0 {
		return fmt.Errorf("%w: files: %w", ErrState, e)
	}
	if e := p.k.Import(s.Tasks, s.Memory, r); e != 0 {
		return fmt.Errorf("%w: tasks: %w", ErrState, e)
	}
	if s.Tracing != nil {
		if e := p.k.ImportTracing(s.Tracing); e != 0 {
			return fmt.Errorf("%w: tracing: %w", ErrState, e)
		}
	}
	if e := p.k.RelinkProbes(s.Probes, r); e != 0 {
		return fmt.Errorf("%w: probes: %w", ErrState, e)
	}
	p.k.Clock.Import(s.Clock)
	p.report = supervise.Report{State: supervise.State(s.Report), Code: s.ReportCode, Signal: s.ReportSignal, Text: s.ReportText}
	p.k.Settle()
	return nil
}
