file steps
start >/dev/null
watch total if total > 10
continue
continue
info watchpoints
delete
hbreak half
continue
backtrace
rwatch origin.weight
continue
awatch wide[2]
delete
watch caught
continue
delete
continue
