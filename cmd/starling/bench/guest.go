package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Script is what the guest's shell runs: it takes lines "ARGUMENTS OF BENCH", or
// "!SCRIPT", on standard input, runs each, and says so, so that the host can look at
// the kernel's counters between two measurements.
const Script = `echo @ready; while read -r line; do case $line in !*) eval "${line#!}";; *) /bench $line;; esac; echo @done $?; done`

// Words of the script's protocol.
const (
	wordReady = "@ready"
	wordDone  = "@done"

	wordScript = "!"
)

// Guest is the script's other end.
type Guest struct {
	in       io.Writer
	lines    chan string
	deadline time.Duration // for one measurement
}

// NewGuest talks to a script over its standard streams.
func NewGuest(in io.Writer, out io.Reader, deadline time.Duration) *Guest {
	g := &Guest{in: in, lines: make(chan string, 64), deadline: deadline}
	go func() {
		defer close(g.lines)
		s := bufio.NewScanner(out)
		for s.Scan() {
			g.lines <- strings.TrimRight(s.Text(), "\r")
		}
	}()
	return g
}

// ErrSilent is returned when the guest does not answer in time.
var ErrSilent = errors.New("the guest does not answer")

func (g *Guest) line() (string, error) {
	t := time.NewTimer(g.deadline)
	defer t.Stop()
	select {
	case l, ok := <-g.lines:
		if !ok {
			return "", io.ErrUnexpectedEOF
		}
		return l, nil
	case <-t.C:
		return "", ErrSilent
	}
}

// Ready waits for the script to run.
func (g *Guest) Ready() error {
	for {
		l, err := g.line()
		if err != nil {
			return err
		}
		if strings.HasSuffix(l, wordReady) { // a kernel may have left half a line before it
			return nil
		}
	}
}

// Run runs bench with the given arguments for one case and returns its median.
func (g *Guest) Run(arguments string) (value float64, err error) {
	if _, err := fmt.Fprintln(g.in, arguments); err != nil {
		return 0, err
	}
	result := errors.New("no result")
	for {
		l, err := g.line()
		if err != nil {
			return 0, err
		}
		if strings.HasPrefix(l, wordDone) {
			return value, result
		}
		if v, verr := parse(l); verr != errNoResult {
			value, result = v, verr
		}
	}
}

var errNoResult = errors.New("not a result")

// parse reads a line of bench: name, median, ... separated by tabs, or name and
// why there is none.
func parse(line string) (float64, error) {
	fields := strings.Split(line, "\t")
	if len(fields) < 2 {
		return 0, errNoResult
	}
	if v, err := strconv.ParseFloat(fields[1], 64); err == nil {
		return v, nil
	}
	if fields[1] == "ENOSYS" || strings.HasPrefix(fields[1], "fail: ") {
		return 0, errors.New(fields[1])
	}
	return 0, errNoResult
}

// Counted is what one case costs.
type Counted struct {
	Instructions float64
	Switches     float64 // address-space switches, when there is somebody to ask
}

// repetitions of a measurement that counts; the median is what counts. Instructions are repeatable, but a
// garbage collection of a server falls into one measurement or another.
const repetitions = 3

// Count measures a case in a machine that counts instructions. Switches come
// from two runs of different length: what both do once cancels out.
func (g *Guest) Count(c Case, switches func() (uint64, error)) (r Counted, err error) {
	var total [2]uint64
	for i, n := range []int{c.Count, 2 * c.Count} {
		var before, after uint64
		if switches != nil {
			if before, err = switches(); err != nil {
				return r, err
			}
		}
		if r.Instructions, err = g.Run(fmt.Sprintf("--tsc --count %d --reps %d %s", n, repetitions, c.Name)); err != nil {
			return r, err
		}
		if switches == nil {
			continue
		}
		if after, err = switches(); err != nil {
			return r, err
		}
		total[i] = after - before
	}
	if switches != nil {
		r.Switches = float64(int64(total[1]-total[0])) / float64(repetitions*c.Count)
	}
	return r, nil
}

// Time measures a case in ns of the host's clock.
func (g *Guest) Time(c Case) (ns float64, err error) {
	return g.Run("--ms 10 --reps 5 " + c.Name)
}
