package userabi

// Codes of arch_prctl(2).
const (
	archSetGS = 0x1001
	archSetFS = 0x1002
	archGetFS = 0x1003
	archGetGS = 0x1004
)

// ThreadBase is what a code of arch_prctl(2) does: set or get one of the segment
// bases (group MaskSegments); invalid when it is none of these.
func ThreadBase(f *Frame, code uint64) (set func(*Frame, uint64), get func(*Frame) uint64, invalid bool) {
	switch code {
	case archSetFS:
		return SetTLS, nil, false
	case archSetGS:
		return func(f *Frame, v uint64) { f.Regs.GSBase = v }, nil, false
	case archGetFS:
		return nil, func(f *Frame) uint64 { return f.Regs.FSBase }, false
	case archGetGS:
		return nil, func(f *Frame) uint64 { return f.Regs.GSBase }, false
	}
	return nil, nil, true
}
