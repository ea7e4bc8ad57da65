#include "textflag.h"

// Relay wakes the goroutine that waits for interrupts: there is none.
TEXT ·Relay(SB),NOSPLIT,$0
	RET
