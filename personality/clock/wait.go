package clock

import "starling/personality/wait"

// SetWait is what sleepers on an absolute time of CLOCK_REALTIME wait for beside
// their deadline: it is woken with In when that clock is set. Ids of objects count
// from 1 and never get here.
const SetWait wait.ID = 1<<64 - 1
