package hello

import (
	"errors"
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"

	"starling/ipc"
	"starling/ipc/wire"
)

// errState is wrapped by every error of Import.
var errState = errors.New("state cannot be taken over")

// Export is everything that survives a swap.
func (p *Personality) Export() []byte { return pack(&p.StateT) }

func pack(s *StateT) []byte {
	b := flatbuffers.NewBuilder(1 << 10)
	b.Finish(s.Pack(b))
	return b.FinishedBytes()
}

// HandOver is the state for another server, with the capabilities that it names.
func (p *Personality) HandOver(to ipc.Handle) ([]byte, error) {
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
	return pack(&s), nil
}

// Import takes over an exported state. After an error the personality is of no use.
func (p *Personality) Import(b []byte) error {
	if err := wire.Verify(&StateSchema, b); err != nil {
		return fmt.Errorf("%w: %w", errState, err)
	}
	p.StateT = *GetRootAsState(b, 0).UnPack()
	if len(p.Programs) > p.cfg.FrameSlots {
		return fmt.Errorf("%w: %d programs", errState, len(p.Programs))
	}
	if len(p.Input) == 0 {
		p.Input = nil
	}
	return nil
}
