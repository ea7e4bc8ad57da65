// Package system runs programs under Starling in QEMU, through the command that
// people use, and checks what they see: output, errors, exit status. Where the
// case is a script, the host's Linux runs it too and says what is right.
//
// The tests use bin/starling, which make builds.
package system
