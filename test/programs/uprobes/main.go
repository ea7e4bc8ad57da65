// Command uprobes probes another program with cilium/ebpf's loader: it counts the calls of a function with a
// map that is an array, keeps who has called in a hash, and reads a record of each call from a ring
// buffer. Arguments: the program, the symbol, and how often it is to be called. With a second symbol it probes
// both by one link instead (BPF_TRACE_UPROBE_MULTI); with the word "perf" records go through the buffer of an event.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/perf"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
)

func main() {
	err := error(nil)
	if len(os.Args) > 4 && os.Args[4] == "perf" {
		err = runPerf(os.Args[1], os.Args[2], os.Args[3])
	} else if len(os.Args) > 4 {
		err = runMulti(os.Args[1], os.Args[2], os.Args[4], os.Args[3])
	} else {
		err = run(os.Args[1], os.Args[2], os.Args[3])
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// runPerf reads a record of each call from a buffer that is large enough, and from one that is not.
func runPerf(path, symbol, calls string) error {
	spec := &ebpf.CollectionSpec{
		Maps:     map[string]*ebpf.MapSpec{"output": {Type: ebpf.PerfEventArray}},
		Programs: map[string]*ebpf.ProgramSpec{"send": {Type: ebpf.Kprobe, License: "GPL", Instructions: send()}},
	}
	all, err := ebpf.NewCollection(spec)
	if err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	defer all.Close()
	file, err := link.OpenExecutable(path)
	if err != nil {
		return err
	}
	attached, err := file.Uprobe(symbol, all.Programs["send"], &link.UprobeOptions{Cookie: 5})
	if err != nil {
		return err
	}
	defer attached.Close()
	for _, size := range []int{128 << 10, 4 << 10} {
		r, err := perf.NewReader(all.Maps["output"], size)
		if err != nil {
			return fmt.Errorf("reader: %w", err)
		}
		if err := call(path, calls); err != nil {
			return err
		}
		records, lost, cookies, err := drain(r)
		if err != nil {
			return err
		}
		// What was lost is told with the next record.
		if err := call(path, "1"); err != nil {
			return err
		}
		more, late, last, err := drain(r)
		fmt.Printf("%d bytes: %d in all, lost some %v, cookies of each %v\n", size, records+lost+more+late, lost+late > 0, cookies+last == 5*(records+more))
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	// Nobody reads: the calls go on.
	return call(path, calls)
}

// drain reads what there is: records, how many were lost, and the sum of the cookies in them.
func drain(r *perf.Reader) (records, lost, cookies uint64, err error) {
	for {
		r.SetDeadline(time.Now())
		x, err := r.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return records, lost, cookies, nil
		}
		if err != nil {
			return records, lost, cookies, err
		}
		if lost += x.LostSamples; len(x.RawSample) >= 8 {
			records++
			cookies += binary.LittleEndian.Uint64(x.RawSample)
		}
	}
}

// send sends a record of 19 bytes that begins with the cookie.
func send() asm.Instructions {
	list := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R2, 0)}
	for at := int16(-24); at < 0; at += 8 {
		list = append(list, asm.StoreMem(asm.RFP, at, asm.R2, asm.DWord))
	}
	return append(list,
		asm.FnGetAttachCookie.Call(),
		asm.StoreMem(asm.RFP, -24, asm.R0, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.LoadMapPtr(asm.R2, 0).WithReference("output"),
		asm.LoadImm(asm.R3, 0xffffffff, asm.DWord), // BPF_F_CURRENT_CPU
		asm.Mov.Reg(asm.R4, asm.RFP),
		asm.Add.Imm(asm.R4, -24),
		asm.Mov.Imm(asm.R5, 19),
		asm.FnPerfEventOutput.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	)
}

// runMulti counts the calls of two functions and their returns by two links, and those of a process alone.
func runMulti(path, first, second, calls string) error {
	spec := &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{"counts": {Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 8}},
		Programs: map[string]*ebpf.ProgramSpec{
			"cookie": {Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceUprobeMulti, License: "GPL", Instructions: countCookie()},
		},
	}
	all, err := ebpf.NewCollection(spec)
	if err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	defer all.Close()
	file, err := link.OpenExecutable(path)
	if err != nil {
		return err
	}
	symbols, program := []string{first, second}, all.Programs["cookie"]
	entries, err := file.UprobeMulti(symbols, program, &link.UprobeMultiOptions{Cookies: []uint64{1, 2}})
	if err != nil {
		return fmt.Errorf("uprobe_multi: %w", err)
	}
	returns, err := file.UretprobeMulti(symbols, program, &link.UprobeMultiOptions{Cookies: []uint64{3, 4}})
	if err != nil {
		return fmt.Errorf("uretprobe_multi: %w", err)
	}
	mine, err := file.UprobeMulti(symbols[:1], program, &link.UprobeMultiOptions{Cookies: []uint64{5}, PID: uint32(os.Getpid())})
	if err != nil {
		return fmt.Errorf("uprobe_multi of a process: %w", err)
	}
	info, err := entries.Info()
	if err != nil {
		return fmt.Errorf("info: %w", err)
	}
	offsets, ok := info.UprobeMulti().Offsets()
	fmt.Printf("%s: %d offsets %v, cookies %d %d\n", info.UprobeMulti().File, len(offsets), ok, offsets[0].Cookie, offsets[1].Cookie)
	_, err = file.UprobeMulti(symbols[:1], program, &link.UprobeMultiOptions{PID: 1 << 22})
	fmt.Println("nobody's process:", errors.Is(err, os.ErrNotExist))
	for range 2 {
		if err := call(path, calls); err != nil {
			return err
		}
		for i := range uint32(6) {
			var n uint64
			if err := all.Maps["counts"].Lookup(i, &n); err != nil {
				return err
			}
			fmt.Print(n, " ")
		}
		fmt.Println()
		entries.Close()
		returns.Close()
		mine.Close()
	}
	return nil
}

// countCookie adds one to the count that the cookie says.
func countCookie() asm.Instructions {
	list := append(asm.Instructions{
		asm.FnGetAttachCookie.Call(),
		asm.StoreMem(asm.RFP, -4, asm.R0, asm.Word),
	}, add(0)[1:]...)
	return append(list, asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
}

func run(path, symbol, calls string) error {
	if err := rlimit.RemoveMemlock(); err != nil {
		return fmt.Errorf("memlock: %w", err)
	}
	spec := &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"counts":  {Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 2},
			"callers": {Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 64},
			"events":  {Type: ebpf.RingBuf, MaxEntries: 1 << 16},
		},
		Programs: map[string]*ebpf.ProgramSpec{
			"entry":  {Type: ebpf.Kprobe, License: "GPL", Instructions: entry()},
			"return": {Type: ebpf.Kprobe, License: "GPL", Instructions: count(1)},
		},
	}
	all, err := ebpf.NewCollection(spec)
	if err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	defer all.Close()
	file, err := link.OpenExecutable(path)
	if err != nil {
		return err
	}
	atEntry, err := file.Uprobe(symbol, all.Programs["entry"], &link.UprobeOptions{Cookie: 77})
	if err != nil {
		return fmt.Errorf("uprobe: %w", err)
	}
	atReturn, err := file.Uretprobe(symbol, all.Programs["return"], nil)
	if err != nil {
		return fmt.Errorf("uretprobe: %w", err)
	}
	if info, err := atEntry.Info(); err != nil {
		return fmt.Errorf("info: %w", err)
	} else if cookie, ok := info.PerfEvent().Uprobe().Cookie, true; !ok || cookie != 77 {
		return fmt.Errorf("cookie %d", cookie)
	}
	if err := call(path, calls); err != nil {
		return err
	}
	if err := show(all); err != nil {
		return err
	}
	if err := errors.Join(atEntry.Close(), atReturn.Close()); err != nil {
		return err
	}
	if err := call(path, calls); err != nil {
		return err
	}
	return show(all)
}

func call(path, calls string) error {
	out, err := exec.Command(path, calls).CombinedOutput()
	fmt.Printf("%s", out)
	return err
}

// show prints the counts, the sum over all callers, and what the records say.
func show(all *ebpf.Collection) error {
	var entries, returns uint64
	if err := errors.Join(all.Maps["counts"].Lookup(uint32(0), &entries), all.Maps["counts"].Lookup(uint32(1), &returns)); err != nil {
		return err
	}
	var id, n, sum uint64
	processes := map[uint64]bool{}
	for i := all.Maps["callers"].Iterate(); i.Next(&id, &n); {
		sum += n
		processes[id>>32] = true
	}
	r, err := ringbuf.NewReader(all.Maps["events"])
	if err != nil {
		return err
	}
	defer r.Close()
	records, cookies := 0, uint64(0)
	for {
		r.SetDeadline(time.Now())
		x, err := r.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			return err
		}
		records++
		cookies += binary.LittleEndian.Uint64(x.RawSample[8:])
	}
	fmt.Printf("entries %d returns %d callers %d of %d processes, %d records, cookies %d\n", entries, returns, sum, len(processes), records, cookies)
	return nil
}

// count adds one to a count.
func count(which int64) asm.Instructions {
	return append(add(which), asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
}

func add(which int64) asm.Instructions {
	return asm.Instructions{
		asm.StoreImm(asm.RFP, -4, which, asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, 0).WithReference("counts"),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
	}
}

// entry counts the call, for its caller too, and sends a record: the caller and the cookie.
func entry() asm.Instructions {
	list := append(asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}, add(0)...)
	return append(list,
		asm.FnGetCurrentPidTgid.Call(),
		asm.StoreMem(asm.RFP, -16, asm.R0, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -16),
		asm.LoadMapPtr(asm.R1, 0).WithReference("callers"),
		asm.FnMapLookupElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "known"),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreMem(asm.RFP, -24, asm.R1, asm.DWord),
		asm.LoadMapPtr(asm.R1, 0).WithReference("callers"),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -16),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, -24),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.Ja.Label("send"),
		asm.Mov.Imm(asm.R1, 1).WithSymbol("known"),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
		asm.LoadMapPtr(asm.R1, 0).WithReference("events").WithSymbol("send"),
		asm.Mov.Imm(asm.R2, 16),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.Mov.Reg(asm.R7, asm.R0),
		asm.LoadMem(asm.R1, asm.RFP, -16, asm.DWord),
		asm.StoreMem(asm.R7, 0, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.FnGetAttachCookie.Call(),
		asm.StoreMem(asm.R7, 8, asm.R0, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R7),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRingbufSubmit.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
		asm.Return(),
	)
}
