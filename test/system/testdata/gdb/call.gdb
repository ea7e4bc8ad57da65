file steps
break factorial if n == 1
run >/dev/null
call twice(21)
disable
print factorial(4)
print half(3)
enable
call (int)getppid() != 0
set var total = 31
finish
up
print n
delete
info breakpoints
continue
