file steps
break twice
info breakpoints
run >/dev/null
backtrace
info args
next
step
info locals
finish
tbreak factorial if n == 2
delete 1
continue
backtrace
up 2
print n
print origin
ptype origin
print &origin.y
print wide[2] = 77
print $_siginfo
x/2i $pc
info registers rip
info line
continue
