file threads
break all_there
run >/dev/null
generate-core-file core.gdbmade
kill
core-file core.gdbmade
info threads
backtrace
print turn
