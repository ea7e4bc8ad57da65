// Package schema holds the FlatBuffers schemas of the wires. There is no code
// here: go generate makes it where it is used, for the schemas of this folder and
// those of personality/state.
package schema

//go:generate go run ./cmd/generate -root ../..
