package state

import "starling/ipc/wire"

// Codec turns the state into bytes and back.
var Codec = wire.NewCodec[PersonalityT](&PersonalitySchema)
