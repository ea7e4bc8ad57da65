//go:build suites

package suites

// straceDeviations are the tests of strace's suite whose results differ, with the reason.
var straceDeviations = []deviation{}
