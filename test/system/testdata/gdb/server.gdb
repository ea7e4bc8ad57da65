file steps
set sysroot /
target remote | gdbserver --once - ./steps
break twice if n == 3
continue
backtrace
finish
watch total
continue
info registers rip
stepi
call factorial(4)
delete
catch signal SIGUSR1
continue
print $_siginfo.si_signo
catch syscall write
continue
delete
continue
