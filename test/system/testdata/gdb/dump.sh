# Core files that the system writes: of a fault, and of four threads that wait.
ulimit -c unlimited
(./steps crash >/dev/null; echo status $?) 2>/dev/null
gdb $OPTIONS -x dump.cmd steps core 2>&1 </dev/null
rm core
mkfifo byte
./threads wait <byte >ready &
exec 3>byte
until [ -s ready ]; do :; done
kill -ABRT $!
wait $! 2>/dev/null
echo status $?
exec 3>&-
gdb $OPTIONS -x dump-threads.cmd threads core 2>&1 </dev/null
rm core byte ready
