package syscalls

import "golang.org/x/sys/unix"

// ttyprocRows are the calls about time.
var ttyprocRows = []Row{
	{unix.SYS_TIME, "time", timeCall, Full, ""},
	{unix.SYS_GETTIMEOFDAY, "gettimeofday", gettimeofday, Full, ""},
	{unix.SYS_SETTIMEOFDAY, "settimeofday", settimeofday, Full, ""},
	{unix.SYS_CLOCK_GETTIME, "clock_gettime", clockGettime, Full, ""},
	{unix.SYS_CLOCK_SETTIME, "clock_settime", clockSettime, Full, ""},
	{unix.SYS_CLOCK_GETRES, "clock_getres", clockGetres, Full, ""},
	{unix.SYS_ADJTIMEX, "adjtimex", adjtimex, Partial, "the clock can be set, not slewed"},
	{unix.SYS_CLOCK_ADJTIME, "clock_adjtime", clockAdjtime, Partial, "the clock can be set, not slewed"},
	{unix.SYS_TIMES, "times", times, Full, ""},
	{unix.SYS_NANOSLEEP, "nanosleep", nanosleep, Full, ""},
	{unix.SYS_CLOCK_NANOSLEEP, "clock_nanosleep", clockNanosleep, Full, ""},
	{unix.SYS_ALARM, "alarm", alarm, Full, ""},
	{unix.SYS_GETITIMER, "getitimer", getitimer, Full, ""},
	{unix.SYS_SETITIMER, "setitimer", setitimer, Full, ""},
	{unix.SYS_TIMER_CREATE, "timer_create", timerCreate, Full, ""},
	{unix.SYS_TIMER_SETTIME, "timer_settime", timerSettime, Full, ""},
	{unix.SYS_TIMER_GETTIME, "timer_gettime", timerGettime, Full, ""},
	{unix.SYS_TIMER_GETOVERRUN, "timer_getoverrun", timerGetoverrun, Full, ""},
	{unix.SYS_TIMER_DELETE, "timer_delete", timerDelete, Full, ""},
}
