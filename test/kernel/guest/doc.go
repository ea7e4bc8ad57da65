// Command guest tests the microkernel from inside: it boots in place of root, makes
// programs of a few instructions and plays pager and personality for them. It prints
// "ok NAME" or "FAIL NAME: why" for every case and ends the machine with the number
// of failures. test/kernel builds and boots it.
package main
