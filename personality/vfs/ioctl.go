package vfs

// ioctl(2) requests that every file answers (include/uapi/asm-generic/ioctls.h).
const (
	FIONREAD = 0x541b
	FIONBIO  = 0x5421
	FIONCLEX = 0x5450
	FIOCLEX  = 0x5451
	FIOASYNC = 0x5452
	FIOQSIZE = 0x5460
)
