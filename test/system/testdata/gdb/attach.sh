# A running process of four threads is attached to, looked at, changed and let go.
mkfifo byte
./threads wait <byte >ready &
exec 3>byte
until [ -s ready ]; do :; done
gdb $OPTIONS -x attach.cmd threads $! 2>&1 </dev/null
echo >&3
wait $!
echo status $?
exec 3>&-
rm byte ready
