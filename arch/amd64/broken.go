package amd64

// registersAtFault is what trapStub pushed for an exception of ring 0.
type registersAtFault struct {
	ax, bx, cx, dx, bp, si, di, r8, r9, r10, r11, r12, r13, r14, r15 uint64
	vector, code, ip, cs, flags, sp, ss                              uint64
}

// ExitBroken is the exit code of a kernel that found itself broken.
const ExitBroken = 126

// brokenKernel says what is known and stops the machine. It runs on a trap stack
// under whatever g the kernel had, so it allocates nothing and grows no stack.
//
//go:nosplit
func brokenKernel(r *registersAtFault) {
	say("\nkernel broken: exception in ring 0")
	sayWord(" vector=", r.vector)
	sayWord(" code=", r.code)
	sayWord(" cr2=", readCR2())
	sayWord("\n ip=", r.ip)
	sayWord(" sp=", r.sp)
	sayWord(" flags=", r.flags)
	sayWord(" cs=", r.cs)
	sayWord("\n ax=", r.ax)
	sayWord(" bx=", r.bx)
	sayWord(" cx=", r.cx)
	sayWord(" dx=", r.dx)
	sayWord("\n si=", r.si)
	sayWord(" di=", r.di)
	sayWord(" bp=", r.bp)
	sayWord(" r8=", r.r8)
	sayWord("\n r9=", r.r9)
	sayWord(" r10=", r.r10)
	sayWord(" r14=", r.r14)
	sayWord(" r15=", r.r15)
	say("\n")
	Exit(ExitBroken)
}

//go:nosplit
func say(s string) {
	for i := range len(s) {
		ConsoleWrite(s[i])
	}
}

//go:nosplit
func sayWord(name string, v uint64) {
	say(name)
	for shift := 60; shift >= 0; shift -= 4 {
		ConsoleWrite("0123456789abcdef"[v>>uint(shift)&15])
	}
}

// fail stops the machine with one line: it cannot run this kernel.
func fail(why string) {
	say("starling: " + why + "\n")
	Exit(ExitBroken)
}
