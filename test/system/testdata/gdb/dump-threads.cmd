info threads
thread apply all -ascending backtrace 1
print turn
thread 3
print $rax
print $orig_rax
print number
