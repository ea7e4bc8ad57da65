// Package signal is signals as data: sets, what is known of a sent signal
// (siginfo_t), queues of pending ones, and tables of actions. It decides
// nothing about threads; package task does, by the rules of signal(7).
//
// It imports state and the numbers of Linux only.
package signal
