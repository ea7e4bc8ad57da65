package trial

// scenario is a program for the guest (test/faults/guest) to run.
type scenario struct {
	name     string
	argv     []string
	terminal bool // it has a terminal, and no pipes
}

func shell(name, script string) scenario {
	return scenario{name: name, argv: []string{"/bin/sh", "-c", script}}
}

// scenarios are deterministic whatever the order of what they do at once: what they print is compared.
var scenarios = []scenario{
	{name: "memory and file pages come and go", argv: []string{"memory"}},
	{name: "faults, breakpoints, signals in the middle of computing", argv: []string{"traps"}},
	{name: "effects that add up", argv: []string{"effects"}},
	{name: "threads take turns", argv: []string{"threads"}},
	{name: "a tracer and its tracee", argv: []string{"traced"}},
	{name: "a terminal is drained", argv: []string{"terminal"}, terminal: true},
	shell("a pipeline", "seq 1 600 | sort -rn | head -n 3; seq 1 500 | wc -l"),
	shell("files and directories", `mkdir /tmp/d; cd /tmp/d; for i in 1 2 3 4 5 6; do echo line $i >f$i; done
cat f1 f3 >g; mv g h; ln -s h l; cat l; ls; dd if=/dev/zero of=z bs=5000 count=3 2>/dev/null; truncate -s 7000 z; wc -c <z
cd /; rm -r /tmp/d; ls /tmp | wc -l`),
	shell("children end in every way", `for i in 1 2 3; do (exit $i); echo $?; done; sh -c 'kill -9 $$'; echo $?; sh -c 'kill -TERM $$'; echo $?
sleep 100 & kill $!; wait $!; echo $?; /bin/true && echo true; /nowhere 2>/dev/null; echo $?`),
	shell("signals are caught", `trap 'echo caught; n=1$n' USR1; kill -USR1 $$; kill -USR1 $$
(sleep 0.02; kill -USR1 $$) & wait; wait; echo $n; trap '' TERM; kill -TERM $$; echo alive`),
	shell("more output than the console holds", "seq 1 20000"), // its ring has 64 KiB
}
