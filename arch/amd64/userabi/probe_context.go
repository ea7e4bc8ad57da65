package userabi

// ProbeContextSize is the size of struct pt_regs (Linux arch/x86/include/uapi/asm/ptrace.h): what a program of
// bpf(2) gets as its context at a probe.
const ProbeContextSize = 21 * 8

// ProbeContext writes the registers as struct pt_regs has them.
func ProbeContext(f *Frame, b *[ProbeContextSize]byte) {
	r := &f.Regs
	for i, v := range [...]uint64{r.R15, r.R14, r.R13, r.R12, r.BP, r.BX, r.R11, r.R10, r.R9, r.R8, r.AX, r.CX, r.DX, r.SI, r.DI,
		r.OrigAX, r.IP, uint64(r.CS), r.Flags, r.SP, uint64(r.SS)} {
		put64(b[8*i:], v)
	}
}
