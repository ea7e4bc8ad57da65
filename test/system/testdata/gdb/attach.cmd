info threads
backtrace
thread apply all -ascending backtrace 1
print turn
break worker if number == 1
info inferiors
delete
print done[0] = 5
detach
info inferiors
