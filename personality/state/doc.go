// Package state is the schemas of everything that survives a swap of the
// personality, and the objects generated from them (go generate ./ipc/schema). Runtime
// types of the other packages embed the objects; Codec turns them into
// FlatBuffers and back.
//
// Fields have stable ids: a new one gets the next id, an old one is marked
// deprecated and never removed, so that one version can take over from another.
package state
