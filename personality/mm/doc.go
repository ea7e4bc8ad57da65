// Package mm is the memory of programs as Linux sees it: the book of regions of
// each address space, and the calls that change it.
//
// The book says what is mapped where and may be done with it; the pager has the
// same regions without Linux's reasons, and the frames behind them. Every change goes to the
// pager first and into the book when it succeeded. Contents are reached through
// the window (Space.Span) without a message while the page is present.
//
// It imports state, usermem, vfs and the pager's client.
package mm
