// Package hello is a second, small personality: what another than Linux needs, in one
// sitting (docs/personality.md goes through it). Its programs are static ELF files with
// four system calls: the number goes in RAX, arguments in RDI and RSI, the result comes
// back in RAX, below 0 an error.
//
//	0  exit(code)
//	1  print(address, bytes)   bytes printed
//	2  read(address, bytes)    bytes of one line with its newline, 0 at the end
//	3  count()                 how often this was called, by all programs and through swaps
//
// It may import ipc, the pager's client end, arch/isa and package loader.
package hello
