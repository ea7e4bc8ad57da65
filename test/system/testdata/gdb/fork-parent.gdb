file family
set follow-fork-mode parent
set detach-on-fork on
break in_parent
break in_child
run >/dev/null
backtrace
continue
continue
