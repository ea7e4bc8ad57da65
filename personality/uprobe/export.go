package uprobe

import (
	"slices"

	"starling/arch/isa"
	"starling/personality/state"
)

// Export gives what there is about a thread, nil if nothing.
func (s *State) Export(tid int32) *state.ProbeThreadT {
	if !s.active && len(s.returns) == 0 {
		return nil
	}
	t := &state.ProbeThreadT{Tid: tid}
	if s.active {
		t.Address, t.Slot, t.Saved, t.OwnStep, t.Code = s.at, s.slot, s.saved, s.ownStep, s.bytes
	}
	for _, w := range s.returns {
		t.Returns = append(t.Returns, &state.ProbeReturnT{Inode: w.inode, Offset: w.offset, To: w.to, Stack: w.stack, Function: w.function, Chained: w.chained})
	}
	return t
}

// Import takes over an exported state; false when it contradicts itself.
func (s *State) Import(t *state.ProbeThreadT) bool {
	if len(t.Returns) > maxReturns {
		return false
	}
	for _, w := range t.Returns {
		s.returns = append(s.returns, waiting{w.Inode, w.Offset, w.To, w.Stack, w.Function, w.Chained})
	}
	if t.Address == 0 {
		return true
	}
	code, ok := isa.AnalyzeProbe(t.Code)
	s.active, s.at, s.slot, s.saved, s.ownStep = true, t.Address, t.Slot, t.Saved, t.OwnStep
	s.code, s.bytes = &code, slices.Clone(t.Code)
	return ok
}
