package amd64

//lint:file-ignore U1000 assembly uses what Go does not

// defined in instructions_amd64.s
func in(port uint16, size int) uint32
func out8(port uint16, v uint8)
func out16(port, v uint16)
func out32(port uint16, v uint32)
func outString8(port uint16, p *byte, n int)
func rdmsr(n uint32) uint64
func wrmsr(n uint32, v uint64)
func cpuid(leaf, sub uint32) (a, b, c, d uint32)
func xsetbv(low uint32)
func saveLive(c *Context, components uint64)
func loadLive(c *Context, components uint64)
func orCR4(bits uint64)
func readCR3() uint64
func stop()
func writeCR3(v uint64)
func invlpg(address uint64)
func writeDR(dr0, dr1, dr2, dr3 uint64)
func writeDR7(v uint64)
func loadDescriptors(gdt, idt *[10]byte)

// Ticks reads the time stamp counter.
func Ticks() uint64

// defined in enter_amd64.s
func enter(c *Context)
func halt() (vector uint64)
func entryPoints() (syscall, syscall32, traps uint64)
