backtrace full
print $_siginfo.si_signo
print $_siginfo.si_code
print $_siginfo._sifields._sigfault.si_addr
print total
print origin
print wide
info registers rip
info inferiors
