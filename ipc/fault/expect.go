package fault

// Outcome says what a fault may lead to.
type Outcome uint8

const (
	// Unnoticed: programs do, print and end as without the fault.
	Unnoticed Outcome = iota
	// Harmed: only the programs whose message it was may notice: a wrong result, a signal, or a thread that
	// stands still until somebody kills its process. Nobody else does, and nothing is left over.
	Harmed
	// Restarted: the server is started again. What it alone knew is lost; the program, if that was
	// part of it, starts anew, and everything else goes on.
	Restarted
	// Stopped: the machine stops and says why.
	Stopped
)

// String is the outcome in a word.
func (o Outcome) String() string {
	return [...]string{"unnoticed", "harmed", "restarted", "stopped"}[o]
}

// Expect is the worst that a fault at the place may lead to.
func (p *Place) Expect(k Kind) Outcome {
	switch k {
	case CrashBefore, CrashAfter, HangBefore, HangAfter:
		switch p.server() {
		case "pager":
			return Stopped // it holds everybody's memory
		case "linux":
			return Restarted
		}
		return Harmed // the console: what one message carried
	}
	switch p.Class {
	case Trap, Reply:
		// The kernel is at one end: it never repeats a trap, and it cannot know that registers are
		// not what their owner wanted.
		switch k {
		case Drop, Flip:
			return Harmed
		case Field:
			if p.Class == Trap {
				return Harmed
			}
		}
	}
	return Unnoticed
}

// How says what makes it so, for the table in docs/faults.md.
func (p *Place) How(k Kind) string {
	switch o := p.Expect(k); {
	case k == Swap:
		return "the state goes over whole"
	case o == Stopped:
		return "nobody can stand in for the pager: root says so and stops the machine"
	case o == Restarted:
		return "root starts a new instance, which starts the program"
	case k == CrashBefore || k == CrashAfter || k == HangBefore || k == HangAfter:
		return "root starts the console again; a write that was under way is not repeated, a read is"
	case o == Harmed:
		return "the program's own message: SIGKILL ends it"
	}
	switch p.Class {
	case Request, Answer:
		return "the envelope: the client asks until a whole answer to this call came, the server executes it once"
	case Notify:
		return "told again until the receiver calls; root also asks once a second"
	case Timer:
		return "a deadline that comes late or twice finds what is due"
	}
	return "thread, generation and sequence name one event: another is refused"
}
