package seccomp

// Results of a filter: an action, and in the low 16 bits its data (seccomp(2)).
const (
	KillProcess uint32 = 0x80000000
	KillThread  uint32 = 0x00000000
	Trap        uint32 = 0x00030000
	Errno       uint32 = 0x00050000
	UserNotify  uint32 = 0x7fc00000
	Trace       uint32 = 0x7ff00000
	Log         uint32 = 0x7ffc0000
	Allow       uint32 = 0x7fff0000

	// DataMask is the data of a result, ActionMask its action.
	DataMask   uint32 = 0x0000ffff
	ActionMask uint32 = 0xffff0000
	// MaxErrno is the highest errno that Errno returns; more is cut down to it.
	MaxErrno = 4095
)

// actions is every action in the order of precedence, lowest number first as a signed one.
var actions = [...]uint32{KillProcess, KillThread, Trap, Errno, UserNotify, Trace, Log, Allow}

// action is the precedence of a result: the smaller one wins.
func action(result uint32) int32 { return int32(result & ActionMask) }

// Action is the action of a result. One that does not exist kills the process.
func Action(result uint32) uint32 {
	if a := result & ActionMask; Available(a) {
		return a
	}
	return KillProcess
}

// Available reports whether an action exists (SECCOMP_GET_ACTION_AVAIL).
func Available(a uint32) bool {
	for _, known := range actions {
		if a == known {
			return true
		}
	}
	return false
}
