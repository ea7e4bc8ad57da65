file family
set detach-on-fork off
set follow-fork-mode parent
catch fork
catch vfork
catch exec
run >/dev/null
info breakpoints
next
info inferiors
inferior 2
continue
inferior 1
continue
info inferiors
set follow-fork-mode child
continue
info inferiors
continue
info inferiors
