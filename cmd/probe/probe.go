package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// probe is one probe with what it has counted.
type probe struct {
	what  string
	maps  *ebpf.Collection
	links []link.Link
	// measured: there is a histogram.
	measured bool
}

// Keys of the map of counts.
const (
	countHits   = 0
	countMissed = 1 // returns without an entry: the call began before the probe
	counts      = 2
)

// buckets is how many powers of two a time in ns can have.
const buckets = 64

// place splits PATH:SYMBOL+OFFSET.
func place(spec string) (path, symbol string, offset uint64, err error) {
	i := strings.LastIndexByte(spec, ':')
	if i <= 0 || i == len(spec)-1 {
		return "", "", 0, errors.New("want PATH:SYMBOL")
	}
	path, symbol = spec[:i], spec[i+1:]
	if at := strings.LastIndexByte(symbol, '+'); at > 0 {
		offset, err = strconv.ParseUint(symbol[at+1:], 0, 64)
		symbol = symbol[:at]
	}
	return path, symbol, offset, err
}

// open loads programs and maps and finds the file.
func open(kind, spec string, measured bool, programs map[string]*ebpf.ProgramSpec) (*probe, *link.Executable, string, *link.UprobeOptions, error) {
	path, symbol, offset, err := place(spec)
	if err != nil {
		return nil, nil, "", nil, err
	}
	file, err := link.OpenExecutable(path)
	if err != nil {
		return nil, nil, "", nil, err
	}
	all, err := ebpf.NewCollection(&ebpf.CollectionSpec{Programs: programs, Maps: map[string]*ebpf.MapSpec{
		"counts": {Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: counts},
		"times":  {Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: buckets},
		"open":   {Type: ebpf.Hash, KeySize: 16, ValueSize: 8, MaxEntries: 4096},
	}})
	if err != nil {
		return nil, nil, "", nil, err
	}
	return &probe{what: kind + " " + spec, maps: all, measured: measured}, file, symbol, &link.UprobeOptions{Offset: offset}, nil
}

// attach adds a link, or takes the probe down.
func (p *probe) attach(l link.Link, err error) error {
	if err != nil {
		p.close()
		return err
	}
	p.links = append(p.links, l)
	return nil
}

// countCalls is a probe that counts.
func countCalls(spec string) (*probe, error) {
	p, file, symbol, o, err := open("uprobe", spec, false, map[string]*ebpf.ProgramSpec{"count": program(counting())})
	if err != nil {
		return nil, err
	}
	return p, p.attach(file.Uprobe(symbol, p.maps.Programs["count"], o))
}

// measureCalls is a probe at both ends of a function.
func measureCalls(spec string) (*probe, error) {
	p, file, symbol, o, err := open("uretprobe", spec, true, map[string]*ebpf.ProgramSpec{"enter": program(entering()), "leave": program(leaving())})
	if err != nil {
		return nil, err
	}
	// The return first: what is entered before it is there is missed, not measured wrongly.
	if err := p.attach(file.Uretprobe(symbol, p.maps.Programs["leave"], o)); err != nil {
		return nil, err
	}
	return p, p.attach(file.Uprobe(symbol, p.maps.Programs["enter"], o))
}

func (p *probe) close() {
	for _, l := range p.links {
		l.Close()
	}
	p.maps.Close()
}

// report prints what was counted.
func (p *probe) report(w io.Writer) error {
	var hits, missed uint64
	if err := errors.Join(p.maps.Maps["counts"].Lookup(uint32(countHits), &hits), p.maps.Maps["counts"].Lookup(uint32(countMissed), &missed)); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %d\n", p.what, hits)
	if missed > 0 {
		fmt.Fprintf(w, "  %d returns of calls that were not seen\n", missed)
	}
	if !p.measured || hits == 0 {
		return nil
	}
	var times [buckets]uint64
	for i := range times {
		if err := p.maps.Maps["times"].Lookup(uint32(i), &times[i]); err != nil {
			return err
		}
	}
	histogram(w, &times)
	return nil
}

// histogram prints a line for each power of two from the shortest to the longest time.
func histogram(w io.Writer, times *[buckets]uint64) {
	const width = 40
	first, last, most := -1, 0, uint64(1)
	for i, n := range times {
		if n > 0 {
			if first < 0 {
				first = i
			}
			last, most = i, max(most, n)
		}
	}
	if first < 0 {
		return
	}
	for i := first; i <= last; i++ {
		bar := strings.Repeat("#", int((times[i]*width+most-1)/most))
		fmt.Fprintf(w, "  %9s to %-9s %8d |%-*s|\n", duration(i), duration(i+1), times[i], width, bar)
	}
}

// duration is 2^i ns.
func duration(i int) string {
	v, unit := float64(uint64(1)<<min(i, 63)), "ns"
	for _, u := range []string{"µs", "ms", "s"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	return fmt.Sprintf("%.4g %s", v, unit)
}
