package amd64

//lint:file-ignore U1000 assembly uses what Go does not

import "strings"

// registersAtFault is what trapStub pushed for an exception of ring 0, in the order of
// registerNames.
type registersAtFault [22]uint64

const registerNames = "ax bx cx dx bp si di r8 r9 r10 r11 r12 r13 r14 r15 vector code ip cs flags sp ss "

// ExitBroken is the exit code of a kernel that found itself broken.
const ExitBroken = 126

// brokenKernel says what is known and stops the machine. It runs on a trap stack
// under whatever g the kernel had: the stack check passes there, because the image
// lies above the heap, and nothing is allocated.
func brokenKernel(r *registersAtFault) {
	Say("\nkernel broken: exception in ring 0")
	for i, names := 0, registerNames; i < len(r); i++ {
		end := strings.IndexByte(names, ' ')
		Say(" ")
		SayWord(names[:end], r[i])
		names = names[end+1:]
	}
	SayWord(" cr2", readCR2())
	Say("\n")
	Exit(ExitBroken)
}

// Say writes to the emergency console.
func Say(s string) {
	for i := range len(s) {
		ConsoleWrite(s[i])
	}
}

// SayWord writes a name and a number.
func SayWord(name string, v uint64) {
	Say(name)
	ConsoleWrite('=')
	for shift := 60; shift >= 0; shift -= 4 {
		ConsoleWrite("0123456789abcdef"[v>>uint(shift)&15])
	}
}

// fail stops the machine with one line: it cannot run this kernel.
func fail(why string) {
	Say("starling: " + why + "\n")
	Exit(ExitBroken)
}
