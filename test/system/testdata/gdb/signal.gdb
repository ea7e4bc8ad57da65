file steps
handle SIGUSR1 stop print
run >/dev/null
signal 0
handle SIGUSR1 nostop
run crash >/dev/null
print $_siginfo.si_signo
print $_siginfo.si_code
print $_siginfo._sifields._sigfault.si_addr
backtrace
continue
print $_exitsignal
info inferiors
