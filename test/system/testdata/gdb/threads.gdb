file threads
break all_there
run >/dev/null
info threads
thread 3
backtrace 2
thread apply all print $_thread
delete
break worker thread 4
watch done[2]
continue
backtrace 1
print done
info breakpoints
delete
continue
