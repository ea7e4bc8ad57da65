file family
set follow-fork-mode child
break in_parent
break in_child
run >/dev/null
backtrace
info inferiors
finish
continue
