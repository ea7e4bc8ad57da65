// Package programs holds programs that the system tests run under Starling and on
// the host's Linux: both must print the same and end with the same status.
// Each folder is one static program; hostile/ is one in C that tries to harm others, crowd/ one whose processes
// do to each other at random what processes do.
package programs
