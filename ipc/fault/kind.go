package fault

import "strings"

// Kind is one way in which a message, or the server that gets it, goes wrong.
type Kind uint8

const (
	Drop Kind = iota
	Delay
	Duplicate
	Reorder
	Flip
	Field
	Truncate
	StaleGeneration
	StaleSequence
	DoubleReply
	HostileRegisters
	CrashBefore
	CrashAfter
	HangBefore
	HangAfter
	Swap
	kinds
)

// kindTable has a row for every Kind: its name and what it does.
var kindTable = [kinds]struct{ name, does string }{
	Drop:             {"drop", "the message does not arrive"},
	Delay:            {"delay", "the message arrives late"},
	Duplicate:        {"duplicate", "the message arrives twice"},
	Reorder:          {"reorder", "a trap arrives after those behind it; a call or an answer after the one before it arrived again"},
	Flip:             {"flip", "one bit is another one"},
	Field:            {"field", "one field of the schema gets a hostile value: 0, all ones, a boundary, a neighbour"},
	Truncate:         {"truncate", "the message ends early"},
	StaleGeneration:  {"stale-generation", "the message, or one before it, carries an earlier generation or a session that nobody opened"},
	StaleSequence:    {"stale-sequence", "the message, or one before it, carries an earlier number"},
	DoubleReply:      {"double-reply", "the answer is given twice"},
	HostileRegisters: {"hostile-registers", "everything in the frame that the reply does not name is overwritten"},
	CrashBefore:      {"crash-before", "the receiver dies before the message has any effect"},
	CrashAfter:       {"crash-after", "the receiver dies after the effect, before it answers"},
	HangBefore:       {"hang-before", "the receiver stands still before the message has any effect"},
	HangAfter:        {"hang-after", "the receiver stands still after the effect, before it answers"},
	Swap:             {"swap", "the receiver is swapped for another instance at this message"},
}

// String is the name that plans use.
func (k Kind) String() string {
	if k < kinds {
		return kindTable[k].name
	}
	return "unknown"
}

// Does says in a few words what the fault does.
func (k Kind) Does() string { return kindTable[k].does }

// Kinds is all of them in the order of the reports.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// ParseKind finds a fault by its name.
func ParseKind(name string) (Kind, error) {
	var names []string
	for k := range kinds {
		if kindTable[k].name == name {
			return k, nil
		}
		names = append(names, kindTable[k].name)
	}
	return 0, &UnknownError{"fault", name, names}
}

// UnknownError is a name in a plan that means nothing, with those that would.
type UnknownError struct {
	What, Name string
	Have       []string
}

func (e *UnknownError) Error() string {
	return "no " + e.What + " " + e.Name + "; there are: " + strings.Join(e.Have, ", ")
}
