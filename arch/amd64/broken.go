package amd64

//lint:file-ignore U1000 assembly uses what Go does not

import (
	"strings"
	"unsafe"
)

// brokenState is the general registers and CR2 at an exception of ring 0.
var brokenState Context

// trapFrame is what the processor and the vector's stub pushed.
type trapFrame [7]uint64

// registerNames are the words of frame.Registers before IP, then those of trapFrame.
const registerNames = "r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di - vector code ip cs flags sp ss "

// ExitBroken is the exit code of a kernel that found itself broken.
const ExitBroken = 126

// brokenKernel says what is known and stops the machine. It runs on a trap stack
// under whatever g the kernel had: the stack check passes there, because the image
// lies above the heap, and nothing is allocated.
func brokenKernel(trap *trapFrame) {
	Say("\nkernel broken: exception in ring 0")
	words := (*[16]uint64)(unsafe.Pointer(&brokenState.Regs))
	for i, names := 0, registerNames; names != ""; i++ {
		end := strings.IndexByte(names, ' ')
		Say(" ")
		if i < len(words) {
			SayWord(names[:end], words[i])
		} else {
			SayWord(names[:end], trap[i-len(words)])
		}
		names = names[end+1:]
	}
	SayWord(" cr2", brokenState.Address)
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
