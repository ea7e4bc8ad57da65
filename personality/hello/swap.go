package hello

import (
	"errors"
	"fmt"

	"starling/ipc"
	"starling/ipc/wire"
)

// errState is wrapped by every error of Restore.
var errState = errors.New("state cannot be taken over")

// Codec turns the state into bytes and back.
var Codec = wire.NewCodec[StateT](&StateSchema)

// Snapshot is everything that survives a swap.
func (p *Personality) Snapshot() *StateT { return &p.StateT }

// HandOver is the state for another server, with the capabilities that it names.
func (p *Personality) HandOver(to ipc.Handle) (*StateT, error) {
	s := p.StateT
	s.Programs = nil
	for _, g := range p.Programs {
		copied := *g
		for _, h := range []*uint32{&copied.ThreadHandle, &copied.SpaceHandle} {
			if *h == 0 {
				continue
			}
			theirs, err := p.t.CapCopy(to, ipc.Handle(*h))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", g.Path, err)
			}
			*h = uint32(theirs)
		}
		s.Programs = append(s.Programs, &copied)
	}
	return &s, nil
}

// Restore takes over a state. After an error the personality is of no use.
func (p *Personality) Restore(s *StateT) error {
	if len(s.Programs) > p.cfg.FrameSlots {
		return fmt.Errorf("%w: %d programs", errState, len(s.Programs))
	}
	p.StateT = *s
	return nil
}
