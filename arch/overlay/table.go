package overlay

import "fmt"

// Profile is what a program built with the overlay runs as.
type Profile string

// The profiles.
const (
	Kernel Profile = "kernel"
	Server Profile = "server"
)

// Tag is the build tag set for packages of the profile.
func (p Profile) Tag() string { return "starling_" + string(p) }

// heapBase is where the Go heap begins; arenas are counted from there.
func (p Profile) heapBase() (uint64, error) {
	switch p {
	case Kernel:
		return 0xffffff0000000000, nil
	case Server:
		return 0x000000c000000000, nil
	}
	return 0, fmt.Errorf("overlay: no profile %q (kernel or server)", p)
}

const wasmReturn = "\tif GOARCH == \"wasm\" {\n\t\treturn // no threads on wasm yet\n\t}"

// commonEdits hold for every instruction set. Where GOARCH=wasm already has the
// behaviour of a single thread, its condition is made constant.
func commonEdits(heapBase uint64) []Edit {
	const (
		proc   = "runtime/proc.go"
		malloc = "runtime/malloc.go"
	)
	const entropy = "crypto/internal/fips140/drbg/entropy_fips140.go"
	return []Edit{
		{proc, `const haveSysmon = GOARCH != "wasm"`, `const haveSysmon = false`, 1,
			"no thread for sysmon"},
		{proc, wasmReturn, "\tif true {\n\t\treturn // one thread\n\t}", 2,
			"a goroutine locked to the only thread must not stop the others"},
		{proc, "\tif GOARCH == \"wasm\" { // no threads on wasm yet\n", "\tif true { // one thread\n", 1,
			"no template thread"},
		{proc, "\tif GOARCH == \"wasm\" { // no threads yet on wasm\n", "\tif true { // one thread\n", 1,
			"the exit of a locked goroutine must not end the thread"},
		{"runtime/lock_futex.go",
			"func beforeIdle(int64, int64) (*g, bool) {\n\treturn nil, false\n}",
			"func beforeIdle(now, pollUntil int64) (*g, bool) {\n\treturn bareBeforeIdle(now, pollUntil)\n}", 1,
			"idle hook"},
		{"runtime/mem_linux.go", "\treturn debug.madvdontneed == 0\n", "\treturn true\n", 1,
			"memory that was given back with madvise keeps its content"},
		{malloc, "\theapAddrBits = (_64bit", "\theapAddrBits = 36 + 0*(_64bit", 1,
			"64 GiB of heap addresses: small tables where memory is not demand-zero"},
		{malloc, "\tlogHeapArenaBytes = (6+20)*(_64bit", "\tlogHeapArenaBytes = 2 + 20 + 0*(_64bit", 1,
			"arenas of 4 MiB"},
		{malloc, "\tarenaBaseOffset = 0xffff800000000000*goarch.IsAmd64",
			fmt.Sprintf("\tarenaBaseOffset = %#x + 0*goarch.IsAmd64", heapBase), 1,
			"arenas are counted from the beginning of the heap area"},
		{"runtime/mgcpacer.go", "\tif p == \"\" || p == \"off\" {\n\t\treturn math.MaxInt64\n", "\tif p == \"\" || p == \"off\" {\n\t\treturn min(math.MaxInt64, bareMemoryLimit())\n", 1,
			"the collector's pace must know where memory ends"},
		{"runtime/runtime1.go", "{name: \"gcstoptheworld\", value: &debug.gcstoptheworld},", "{name: \"gcstoptheworld\", value: &debug.gcstoptheworld, def: 2},", 1,
			"a goroutine that does not yield would outrun a concurrent collector: collect in one go"},
		{"runtime/mprof.go", "var MemProfileRate int = 512 * 1024\n", "var MemProfileRate int = 0\n", 1,
			"the allocation profile nobody can read takes 1.4 MiB"},
		{"runtime/time_nofake.go", "\treturn nanotime1()\n", "\treturn bareNanotime()\n", 1,
			"the clock is the processor's counter"},
		{entropy, "\nvar memory entropy.ScratchBuffer\n", "\n", 1,
			"32 MiB that only FIPS mode touches: here memory is there from the start"},
		{entropy, "entropy.Seed(&memory)", "entropy.Seed(new(entropy.ScratchBuffer))", 2,
			"see above"},
	}
}

// isa is what differs between instruction sets.
type isa struct {
	edits   []Edit
	removed []string // files of the standard library that the port replaces
}

// instructionSets has one row per GOARCH. The files of the port in
// _runtime/*/*_GOARCH.* belong to it.
var instructionSets = map[string]isa{
	"amd64": {
		edits: []Edit{
			{"runtime/sys_linux_amd64.s", "\tSYSCALL\n", "\tCALL\truntime·oscall(SB)\n", 40,
				"one seam for all calls of the runtime"},
			{"internal/runtime/syscall/linux/asm_linux_amd64.s", "\tSYSCALL\n",
				"\tCALL\truntime·oscall(SB)\n\tPXOR\tX15, X15\n", 1,
				"one seam for all calls of package syscall; Go's internal ABI wants X15 = 0"},
			{"syscall/asm_linux_amd64.s", "\tSYSCALL\n", "\tCALL\truntime·oscall(SB)\n", 3,
				"the vfork and gettimeofday paths"},
			{"internal/cpu/cpu_x86.go", "\tX86.HasOSXSAVE = isSet(ecx1, cpuid_OSXSAVE)\n", "\tX86.HasOSXSAVE = false\n", 1,
				"kernel and servers keep to XMM registers: the wider state belongs to programs"},
			{"vendor/golang.org/x/sys/cpu/cpu_x86.go", "\tX86.HasOSXSAVE = isSet(27, ecx1)\n", "\tX86.HasOSXSAVE = false\n", 1,
				"the same for the vendored cryptography"},
		},
		removed: []string{"runtime/time_linux_amd64.s", "runtime/timeasm.go"},
	},
}

// replaced are files of the standard library that a file of ours stands in for.
// The key is the name below _runtime.
var replaced = map[string]string{
	"common/netpoll_epoll.go": "runtime/netpoll_epoll.go",
}
