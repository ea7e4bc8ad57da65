package runtime

// bareCallLog is the kernel call that writes bareLogBytes bytes of text to the
// emergency console; a test in ipc/machine compares both with the table of
// kernel calls (ipc/callnum).
const (
	bareCallLog  = 34
	bareLogBytes = 40
)

// defined in bare_server_amd64.s

//go:noescape
func bareKernelLog(n uintptr, text *byte)
func bareCrash()
