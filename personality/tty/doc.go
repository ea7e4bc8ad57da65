// Package tty is the terminals of Linux: the line discipline, the terminal of the
// console server, pseudo terminals, job control, and the byte streams that stand in
// for the console when the user has no terminal.
//
// The way of a byte:
//
//	device -> Arrived -> receive (edit, echo, signals) -> Input -> read
//	write -> output (OPOST) -> Output -> device
//
// The device of the console is the wire to the console server; the device of one side
// of a pair is the other side. The master of a pair is a terminal in raw mode, so
// both sides run the same code.
//
// The rules are those of Linux 6.1 drivers/tty/n_tty.c, tty_jobctrl.c and pty.c, as
// far as termios(3), ioctl_tty(2), pty(7) and credentials(7) leave them open.
//
// Nothing blocks: EAGAIN asks the call layer to wait for the terminal's WaitID. All
// state is in state.TTYT. The package may import state, wait, usermem, cred, vfs
// and the wire to the console.
package tty
