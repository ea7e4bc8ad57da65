// Package overlay lets stock Go run without an operating system.
//
// It reads the installed GOROOT, makes a few exact-match edits in the runtime,
// adds the files under _runtime, and writes an overlay for `go build -overlay`.
// No file of the standard library is copied into the repository, and no forked
// compiler is needed. The Go version is pinned in go.mod: an edit that does not
// match exactly as often as it should stops the build.
//
// There are two profiles:
//
//   - Kernel: ring 0, heap and image in the high half, memory and clock from the
//     boot table. See _runtime/kernel.
//   - Server: ring 3, one thread, demand-zero heap, output and death through
//     kernel calls. See _runtime/server.
//
// What the port adds to package runtime for the project's own packages (they
// use it in files with the build tag of the profile, see Profile.Tag, so that
// the host's go vet does not miss it):
//
//	both    BareHeapLive, BareSetIdle
//	server  BareTakeSpare, BarePutSpare
//	kernel  BareSetClock, BareSeal, BareTrapStack, BareTraceback, and for
//	        assembly the symbol runtime·bareTrapG
//
// What differs from Go on Linux: one thread, no sysmon (so goroutines are not
// preempted while they compute, and no garbage collection starts by itself after
// two minutes), no signals, no descriptors but 1 and 2, no AVX in Go code.
//
// The collector works in one go (GODEBUG gcstoptheworld=2) and paces itself by the
// memory that the profile was given (GOMEMLIMIT); both can be set as usual. The
// heap begins at the same address in every boot.
//
// Another instruction set needs a row in instructionSets (table.go): the edits of
// its system call assembly and the files to remove, and in _runtime the files
// common/oscall_GOARCH.s, common/bare_GOARCH.go, common/calls_linux_GOARCH.go and
// the kernel's and server's bare_kernel_GOARCH and bare_server_GOARCH.
//
// Package overlay runs on the host and imports nothing of the project.
package overlay
