// Package wire is checked access to FlatBuffers that come from somebody else.
//
// Go's FlatBuffers library has no verifier: generated accessors follow whatever
// offsets the bytes hold, and a hostile root, vtable or vector makes them read
// out of bounds and panic. Verify looks at every offset that the accessors of a
// schema can follow before any of them is used. After it succeeded, every
// accessor stays inside the buffer and every loop over its vectors ends.
//
// What the accessors of a schema can follow is described by a Schema value,
// generated from the .fbs file (go generate ./ipc/schema), so the check is
// written once for everybody. Messages made of structs only need no Verify: their
// length says all.
//
// The package imports nothing of the project.
package wire
