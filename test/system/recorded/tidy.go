package recorded

import (
	"regexp"
	"slices"
	"strings"
)

// tidiness says what of a trace differs from run to run on Linux too. Addresses,
// process numbers and the moment at which SIGCHLD arrives always do.
type tidiness struct {
	threads bool   // a Go program: only the start, and the threads called turn-N
	counts  bool   // a table of counts: no times
	digits  bool   // every number
	from    string // begin with the first line that matches
}

var (
	anAddress   = regexp.MustCompile(`0x[0-9a-f]{5,}`)
	ofAThread   = regexp.MustCompile(`^(\d+) +(.*)$`)
	figures     = regexp.MustCompile(`\d+`)
	firstHalf   = regexp.MustCompile(` <unfinished \.\.\.>$`)
	laterHalf   = regexp.MustCompile(`^<\.\.\. \w+ resumed>(.*)$`)
	padding     = regexp.MustCompile(`\) += `)
	secret      = regexp.MustCompile(`getrandom\("[^"]*"`)
	contents    = regexp.MustCompile(`iov_base="(\\.|[^"\\])*"(\.\.\.)?`)
	interrupted = regexp.MustCompile(`^(rt_sigreturn\(.*\)) += .*`)
	usage       = regexp.MustCompile(`si_utime=\d+(?: /\* [^*]* \*/)?, si_stime=\d+(?: /\* [^*]* \*/)?`)
	inode       = regexp.MustCompile(`\[\d+\]>`)
	machine     = regexp.MustCompile(`nodename="[^"]*"`)

	directory = regexp.MustCompile(`(st_mode=S_IFDIR\|\d+, st_size=)\d+`)
	affinity  = regexp.MustCompile(`^(sched_getaffinity\(.*\)) = \d+`)
	// Where process numbers stand.
	processGiven = regexp.MustCompile(`(si_pid=|(?:wait4|kill|tgkill|prlimit64|process_vm_readv)\(|PTRACE_\w+, |rval=|Process |process |/proc/|, \[)[1-9]\d*\b`)
	processMade  = regexp.MustCompile(`((?:get\w*[pt]id|setsid|set_tid_address|clone3?|fork|vfork|wait4|rt_sigreturn)\(.*\) = )[1-9]\d*\b`)
	// What the scheduler of a Go program asks for.
	scheduling = regexp.MustCompile(`^(mmap|clone|rt_sigprocmask|gettid|sigaltstack|exit)\(|^\+\+\+`)
)

func (d tidiness) tidy(text string) string {
	printed, trace, _ := strings.Cut(text, "\n-- trace\n")
	printed = d.lines(strings.Split(printed, "\n"))
	if trace == "" {
		return printed
	}
	printed += "\n-- trace\n"
	if d.counts {
		return printed + counted(trace)
	}
	lines := strings.Split(strings.TrimSuffix(trace, "\n"), "\n")
	if d.from != "" {
		first := regexp.MustCompile(d.from)
		lines = lines[max(0, slices.IndexFunc(lines, first.MatchString)):]
	}
	return printed + d.threadsApart(lines)
}

// threadsApart gives each thread a section of its own, in the order of their first lines, with
// SIGCHLD and the return from its handler at the end.
func (d tidiness) threadsApart(lines []string) string {
	type thread struct {
		lines, children []string
		handling        bool
	}
	var order []*thread
	of := map[string]*thread{}
	for _, line := range joined(lines) {
		id, text := threadOf(line)
		t := of[id]
		if t == nil {
			t = &thread{}
			order, of[id] = append(order, t), t
		}
		switch {
		case strings.HasPrefix(text, "???"): // killed on the way to a call
		case strings.HasPrefix(text, "--- SIGCHLD"):
			t.children = append(t.children, text)
			t.handling = true
		case t.handling && strings.HasPrefix(text, "rt_sigreturn"):
			t.children = append(t.children, interrupted.ReplaceAllString(text, "$1"))
			t.handling = false
		default:
			t.lines = append(t.lines, text)
		}
	}
	var sections []string
	for i, t := range order {
		body := append(t.lines, t.children...)
		if d.threads {
			if i == 0 {
				body = beginning(body)
			} else if body = turns(body); body == nil {
				continue
			}
		}
		sections = append(sections, d.lines(body))
	}
	if d.threads {
		slices.Sort(sections)
	}
	return "thread:\n" + strings.Join(sections, "\nthread:\n") + "\n"
}

func (d tidiness) lines(lines []string) string {
	out := make([]string, len(lines))
	for i, l := range lines {
		l = anAddress.ReplaceAllString(l, "ADDR")
		l = padding.ReplaceAllString(l, ") = ")
		l = secret.ReplaceAllString(l, `getrandom("..."`)
		l = contents.ReplaceAllString(l, `iov_base="..."`)
		l = directory.ReplaceAllString(l, "${1}N")
		l = affinity.ReplaceAllString(l, "$1 = N")
		l = usage.ReplaceAllString(l, "si_utime=0, si_stime=0")
		l = inode.ReplaceAllString(l, "[N]>")
		l = machine.ReplaceAllString(l, `nodename="..."`)
		l = processGiven.ReplaceAllString(l, "${1}N")
		l = processMade.ReplaceAllString(l, "${1}N")
		if d.digits {
			l = figures.ReplaceAllStringFunc(l, func(s string) string { return strings.Repeat("9", min(len(s), 6)) })
		}
		out[i] = l
	}
	return strings.Join(out, "\n")
}

// counted keeps of a table of counts what does not depend on time, sorted.
func counted(table string) string {
	var out []string
	for l := range strings.SplitSeq(strings.TrimSpace(table), "\n") {
		if f := strings.Fields(l); len(f) >= 5 && f[0] != "%" && !strings.HasPrefix(f[0], "---") {
			out = append(out, strings.Join(f[3:], " "))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n") + "\n"
}

// joined puts together the halves of calls during which other threads ran.
func joined(lines []string) []string {
	var out []string
	begun := map[string]int{}
	for _, line := range lines {
		id, text := threadOf(line)
		later := laterHalf.FindStringSubmatch(text)
		if i, ok := begun[id]; ok && later != nil {
			out[i] += later[1]
			delete(begun, id)
			continue
		}
		if first := firstHalf.ReplaceAllString(line, ""); first != line {
			begun[id] = len(out)
			line = first
		}
		out = append(out, line)
	}
	// What is never resumed was on its way when the thread was killed, or not yet.
	for _, i := range begun {
		out[i] = ""
	}
	return slices.DeleteFunc(out, func(line string) bool { return line == "" })
}

// threadOf splits a line of a trace of several threads.
func threadOf(line string) (id, text string) {
	if m := ofAThread.FindStringSubmatch(line); m != nil {
		return m[1], m[2]
	}
	return "", line
}

// turns is what a thread of the Go program turns does from the moment it has its name; nil for the
// threads that the runtime makes for itself.
func turns(lines []string) []string {
	i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `"turn-`) })
	if i < 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(lines[i:]), scheduling.MatchString)
}

// beginning is what the Go runtime does before there is a second thread, which ends with setting
// the handlers of signals, but for its reading of the limits of this machine's control groups.
func beginning(lines []string) []string {
	from := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "/proc/self/cgroup") })
	to := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "sigaltstack") })
	if from >= 0 && from < to {
		lines = slices.Delete(slices.Clone(lines), from, to)
	}
	for i, l := range slices.Backward(lines) {
		if strings.HasPrefix(l, "rt_sigaction") {
			return lines[:i+1]
		}
	}
	return lines
}
