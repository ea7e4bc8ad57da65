package state

import "starling/ipc/wire"

// Codec turns the state into bytes and back.
var Codec = wire.NewCodec[PersonalityT](&PersonalitySchema)

// CodecOf is the codec of a part: of the table of that name.
func CodecOf[T any](table string) *wire.Codec[T] {
	return wire.NewCodec[T](PersonalitySchema.At("state." + table))
}
