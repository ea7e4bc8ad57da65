package bpf

import "github.com/cilium/ebpf/asm"

// argument is what a helper wants in a register.
type argument uint8

const (
	argNone       argument = iota
	argAny                 // anything that is initialised
	argContext             // the program's context
	argMap                 // a map
	argKey                 // memory with a key of the map before
	argValue               // memory with a value of the map before
	argMemory              // readable memory, its size in the next register
	argOutput              // memory that is written, its size in the next register
	argSize                // size of the memory before, at least 1
	argSizeOrZero          // size of the memory before
	argConstant            // a constant: bytes of a record
	argRecord              // a record that was reserved
)

// result is what a helper returns.
type result uint8

const (
	resultNumber result = iota
	resultNothing
	resultValue  // pointer to a value, or NULL
	resultRecord // a record of argConstant bytes, or NULL
)

// use is a kind of maps.
type use uint8

const (
	useNone    use = iota
	useValues      // arrays and hashes
	useRing        // ring buffers
	useOutputs     // arrays of events
)

// use is what helpers use the map for.
func (m *Map) use() use {
	switch {
	case m.isRing():
		return useRing
	case m.isOutputs():
		return useOutputs
	}
	return useValues
}

// helper is a function that programs can call.
type helper struct {
	name   string
	args   [5]argument
	result result
	gpl    bool // only for programs under the GPL
	// use says for which maps.
	use use
	run func(m *machine, a *[5]uint64) uint64
}

// helpers by number (Linux include/uapi/linux/bpf.h, bpf-helpers(7)).
var helpers = map[asm.BuiltinFunc]*helper{
	asm.FnMapLookupElem:      {name: "map_lookup_elem", args: [5]argument{argMap, argKey}, result: resultValue, use: useValues, run: mapLookup},
	asm.FnMapUpdateElem:      {name: "map_update_elem", args: [5]argument{argMap, argKey, argValue, argAny}, use: useValues, run: mapUpdate},
	asm.FnMapDeleteElem:      {name: "map_delete_elem", args: [5]argument{argMap, argKey}, use: useValues, run: mapDelete},
	asm.FnProbeRead:          {name: "probe_read", args: [5]argument{argOutput, argSizeOrZero, argAny}, gpl: true, run: probeRead},
	asm.FnKtimeGetNs:         {name: "ktime_get_ns", gpl: true, run: kernelTime},
	asm.FnGetPrandomU32:      {name: "get_prandom_u32", run: randomNumber},
	asm.FnGetSmpProcessorId:  {name: "get_smp_processor_id", run: zero},
	asm.FnGetCurrentPidTgid:  {name: "get_current_pid_tgid", run: pidTGID},
	asm.FnGetCurrentUidGid:   {name: "get_current_uid_gid", run: uidGID},
	asm.FnGetCurrentComm:     {name: "get_current_comm", args: [5]argument{argOutput, argSize}, run: currentComm},
	asm.FnProbeReadStr:       {name: "probe_read_str", args: [5]argument{argOutput, argSizeOrZero, argAny}, gpl: true, run: probeReadString},
	asm.FnGetNumaNodeId:      {name: "get_numa_node_id", run: zero},
	asm.FnProbeReadUser:      {name: "probe_read_user", args: [5]argument{argOutput, argSizeOrZero, argAny}, gpl: true, run: probeRead},
	asm.FnProbeReadKernel:    {name: "probe_read_kernel", args: [5]argument{argOutput, argSizeOrZero, argAny}, gpl: true, run: probeReadKernel},
	asm.FnProbeReadUserStr:   {name: "probe_read_user_str", args: [5]argument{argOutput, argSizeOrZero, argAny}, gpl: true, run: probeReadString},
	asm.FnProbeReadKernelStr: {name: "probe_read_kernel_str", args: [5]argument{argOutput, argSizeOrZero, argAny}, gpl: true, run: probeReadKernel},
	asm.FnKtimeGetBootNs:     {name: "ktime_get_boot_ns", run: kernelTime},
	asm.FnKtimeGetCoarseNs:   {name: "ktime_get_coarse_ns", run: kernelTime},
	asm.FnPerfEventOutput:    {name: "perf_event_output", args: [5]argument{argContext, argMap, argAny, argMemory, argSizeOrZero}, gpl: true, use: useOutputs, run: perfOutput},
	asm.FnRingbufOutput:      {name: "ringbuf_output", args: [5]argument{argMap, argMemory, argSizeOrZero, argAny}, use: useRing, run: ringOutput},
	asm.FnRingbufReserve:     {name: "ringbuf_reserve", args: [5]argument{argMap, argConstant, argAny}, result: resultRecord, use: useRing, run: ringReserve},
	asm.FnRingbufSubmit:      {name: "ringbuf_submit", args: [5]argument{argRecord, argAny}, result: resultNothing, run: ringSubmit},
	asm.FnRingbufDiscard:     {name: "ringbuf_discard", args: [5]argument{argRecord, argAny}, result: resultNothing, run: ringDiscard},
	asm.FnRingbufQuery:       {name: "ringbuf_query", args: [5]argument{argMap, argAny}, use: useRing, run: ringQuery},
	asm.FnGetFuncIp:          {name: "get_func_ip", args: [5]argument{argContext}, gpl: true, run: functionIP},
	asm.FnGetAttachCookie:    {name: "get_attach_cookie", args: [5]argument{argContext}, run: attachCookie},
}
