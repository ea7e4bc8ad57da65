package runtime

// System call numbers of Linux on amd64 (syscalls(2), arch/x86/entry/syscalls/syscall_64.tbl).
const (
	bareSysRead        = 0
	bareSysWrite       = 1
	bareSysClose       = 3
	bareSysMmap        = 9
	bareSysMprotect    = 10
	bareSysMunmap      = 11
	bareSysSigaction   = 13
	bareSysSigmask     = 14
	bareSysYield       = 24
	bareSysMadvise     = 28
	bareSysNanosleep   = 35
	bareSysGetpid      = 39
	bareSysExit        = 60
	bareSysFcntl       = 72
	bareSysSigaltstack = 131
	bareSysPrctl       = 157
	bareSysGettid      = 186
	bareSysFutex       = 202
	bareSysAffinity    = 204
	bareSysClock       = 228
	bareSysExitGroup   = 231
	bareSysTgkill      = 234
	bareSysOpenat      = 257
	bareSysFstatat     = 262
	bareSysReadlinkat  = 267
	bareSysFaccessat   = 269
	bareSysRandom      = 318
)
