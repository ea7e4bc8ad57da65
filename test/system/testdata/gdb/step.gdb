file steps
start >/dev/null
stepi 3
nexti
display/i $pc
stepi
until 45
advance 47
undisplay 1
stepi 2
x/i $pc
info inferiors
kill
