// Package perf is the events of perf_event_open(2) and the links of bpf(2) that attach programs to
// them. The only events are those of the uprobe unit: a probe in a file that counts, and runs
// a program.
//
// It imports bpf, uprobe, vfs, mm, state and usermem. Threads are known to it by Threads.
package perf
