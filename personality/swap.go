package personality

import (
	"errors"
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"

	"starling/ipc/supervise"
	"starling/ipc/wire"
	"starling/personality/state"
)

// ErrState is wrapped by every error of Import.
var ErrState = errors.New("state cannot be taken over")

// Export gives everything that survives a swap, laid out by the schemas in package
// state. It may be called whenever Handle is not running.
func (p *Personality) Export() []byte {
	tasks, memory := p.k.Export()
	s := state.PersonalityT{
		Tasks: tasks, Memory: memory, Files: p.k.VFS.Export(), Clock: p.k.Clock.Export(), Terminals: p.ttys.Export(),
		Tracing: p.k.ExportTracing(),
		Report:  uint32(p.report.State), ReportCode: p.report.Code, ReportSignal: p.report.Signal, ReportText: p.report.Text,
	}
	b := flatbuffers.NewBuilder(64 << 10)
	b.Finish(s.Pack(b))
	return b.FinishedBytes()
}

// Import takes over an exported state. The personality must be fresh. After an error
// it is of no use.
func (p *Personality) Import(b []byte) error {
	if err := wire.Verify(&state.PersonalitySchema, b); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	s := state.GetRootAsPersonality(b, 0).UnPack()
	if s.Tasks == nil || s.Memory == nil || s.Files == nil || s.Clock == nil || s.Terminals == nil {
		return fmt.Errorf("%w: a part is missing", ErrState)
	}
	p.k.ImportCounters(s.Tasks)
	if e := p.ttys.Import(s.Terminals); e != 0 {
		return fmt.Errorf("%w: terminals: %w", ErrState, e)
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
	p.k.Clock.Import(s.Clock)
	p.report = supervise.Report{State: supervise.State(s.Report), Code: s.ReportCode, Signal: s.ReportSignal, Text: s.ReportText}
	p.k.Settle()
	return nil
}
