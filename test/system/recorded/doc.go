// Package recorded is what tools of Linux do in long sessions, and how their text is compared with what
// they said on Linux: strace, gdb and gdbserver, and interpreters. The text from Linux is in
// test/system/testdata; command record writes it. It imports the standard library only.
package recorded

// Text is what one session printed, without what differs from run to run, and the file under testdata with
// what it prints on Linux.
type Text struct{ Name, File, Text string }
