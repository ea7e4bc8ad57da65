// Package suites runs test suites that other people wrote, on Linux and on Starling, and compares
// what they report test by test. Both systems boot the same root file system in the same emulator,
// Linux as Debian's kernel; its answer is the expected one, and is kept until something of it changes.
// The sources come from Debian's source packages, by the package manager, and are kept in the user's
// cache directory. See docs/suites.md.
package suites
