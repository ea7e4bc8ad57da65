package syscalls

import (
	"fmt"
	"sort"
	"strings"

	"starling/personality/task"
)

// Support says how much of a call there is.
type Support uint8

const (
	// None: the call answers ENOSYS.
	None Support = iota
	// Refused: the call exists and answers as Linux does where the feature is off.
	Refused
	// Partial: the note says what is missing.
	Partial
	// Full: as on Linux.
	Full
)

var supportNames = [...]string{"none", "refused", "partial", "full"}

func (s Support) String() string { return supportNames[s] }

// Row is one system call.
type Row struct {
	Number  int32
	Name    string
	Handler task.Handler
	Support Support
	Note    string
}

// Rows is every system call of the instruction set, by number.
var Rows = assemble(absentRows, fileRows, ttyprocRows, identityRows, systemRows, memoryRows, processRows, signalRows, futexRows, controlRows, traceRows, systemVRows, queueRows)

// assemble joins the lists of what there is with the names of the calls that no list
// has. A number that comes twice is a mistake in the lists.
func assemble(absent []Row, lists ...[]Row) []Row {
	have := map[int32]string{}
	var all []Row
	for _, l := range lists {
		for _, r := range l {
			if other, twice := have[r.Number]; twice {
				panic(fmt.Sprintf("syscalls: %s and %s have the number %d", other, r.Name, r.Number))
			}
			have[r.Number] = r.Name
			all = append(all, r)
		}
	}
	for _, r := range absent {
		if _, ok := have[r.Number]; !ok {
			all = append(all, r)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Number < all[j].Number })
	return all
}

// Install puts the handlers into the core's table.
func Install(k *task.Core) {
	for i := range Rows {
		if r := &Rows[i]; r.Handler != nil {
			k.Table[r.Number] = r.Handler
		}
	}
	for _, number := range making {
		k.Table[number] = task.Making(k.Table[number])
	}
	sleepReports(k)
	k.NameOf = Name
}

// Name is the name of a call, "syscall_N" if the number is none.
func Name(number int32) string {
	i := sort.Search(len(Rows), func(i int) bool { return Rows[i].Number >= number })
	if i < len(Rows) && Rows[i].Number == number {
		return Rows[i].Name
	}
	return fmt.Sprintf("syscall_%d", number)
}

// Markdown is the table as the documentation shows it.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| number | call | support | note |\n|---|---|---|---|\n")
	for _, r := range Rows {
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", r.Number, r.Name, r.Support, r.Note)
	}
	return b.String()
}
