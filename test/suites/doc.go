// Package suites runs test suites that other people wrote, on the host's Linux and
// under Starling, and compares what they report test by test. The host's result is
// the expected one. The sources come from Debian's source packages, by the package
// manager, and are kept in the user's cache directory.
package suites
