// Package loader reads what execve(2) is given: ELF executables and scripts. It
// turns their bytes, which anybody may have written, into a plan of mappings and
// an initial stack; it maps nothing itself. Every number from a file is checked
// before it is used, and each fault of a file has the errno that Linux gives it.
package loader
