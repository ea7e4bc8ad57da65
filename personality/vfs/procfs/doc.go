// Package procfs is /proc: what the personality tells programs about processes
// and about the system (proc(5)).
//
// Every file is one row of a table (process.go, system.go, sysctl.go): name, mode,
// and a function that makes its text. What is shown comes through Source, which the
// core's side implements, so that nothing here knows how tasks and memory are kept.
//
// Text is made when a file is read from its start and kept with the open file until
// then, as seq_file of Linux does: who reads on gets one consistent text, who
// rewinds gets news.
//
// It imports vfs, state, cred and usermem.
package procfs
