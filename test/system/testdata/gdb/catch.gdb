file steps
catch syscall write
catch signal SIGUSR1
run >/dev/null
print $_siginfo.si_signo
print $_siginfo.si_code
backtrace
continue
print $rax
print $orig_rax
continue
print $rax
delete
handle SIGUSR1 nostop noprint nopass
run >/dev/null
