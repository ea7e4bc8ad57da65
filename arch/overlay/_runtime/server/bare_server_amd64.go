package runtime

// bareCallLog is the kernel call that writes the first bytes of the message
// buffer to the emergency console; a test in ipc/machine compares it with the
// table of kernel calls.
const bareCallLog = 37

// defined in bare_server_amd64.s
func bareKernelLog(n uintptr)
func bareCrash()
