package bench

import "starling/cmd/starling/compile"

// Program compiles test/bench/bench.c of the source tree, or finds it compiled, and returns the file.
func Program(source string) (string, error) {
	return compile.Program(source, "test", "bench", "bench.c")
}
