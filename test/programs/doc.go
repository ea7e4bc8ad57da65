// Package programs holds programs that the system tests run under Starling and on
// the host's Linux: both must print the same and end with the same status.
// Each folder is one static program; hostile/ holds programs in C that try to harm others.
package programs
