// Package bootconfig is the file "config" of the boot bundle: which program the
// personality runs, with which arguments and environment, and what is at the
// ends of its standard streams. The command on the host writes it, root and the
// personality read it.
package bootconfig

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	flatbuffers "github.com/google/flatbuffers/go"
)

// FileName is the name of the file in the bundle.
const FileName = "config"

const (
	magic   uint64 = 0x47464e434c525453 // "STRLCNFG" in memory order
	version uint32 = 1

	headerSize = 48
	// MaxStrings bounds arguments and environment together.
	MaxStrings = 1 << 16
	// MaxSize bounds the file in bytes: what execve(2) takes at most, 2 MiB.
	MaxSize = 2 << 20
)

// Flags say what the program's standard streams are, and what is wanted of the run.
type Flags uint32

const (
	// Terminal: the terminal channel is a terminal and carries all three
	// standard streams. Without it the terminal channel carries standard input
	// and output as bytes, and the errors channel carries standard error.
	Terminal Flags = 1 << iota
	// Deterministic: time and randomness come from the seed and the instruction
	// count only.
	Deterministic
	// Trace: every message is shown.
	Trace
	// CountMissing: the system calls that the program made and that do not exist
	// are named, with their number, when it ends.
	CountMissing
)

// Config is the file's content.
type Config struct {
	Program       string // path of the file to execute, as execve(2) takes it
	Args          []string
	Env           []string // NAME=VALUE
	Dir           string   // working directory
	Flags         Flags
	Seed          uint64
	WallTime      int64 // ns since 1970 at boot, 0: ask the machine
	Rows, Columns uint16
}

// ErrDamaged is wrapped by every error of Decode.
var ErrDamaged = errors.New("boot configuration damaged")

// Encode lays the configuration out. A string with a NUL in it, or more than
// fits, is an error: no program can be given either.
func Encode(c Config) ([]byte, error) {
	var names bytes.Buffer
	for _, list := range [][]string{{c.Program}, c.Args, c.Env, {c.Dir}} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return nil, fmt.Errorf("boot configuration: a NUL in %q", s)
			}
			names.WriteString(s)
			names.WriteByte(0)
		}
	}
	if names.Len() > MaxSize-headerSize || len(c.Args)+len(c.Env) > MaxStrings {
		return nil, fmt.Errorf("boot configuration: arguments and environment are longer than %d bytes or more than %d", MaxSize, MaxStrings)
	}
	b := flatbuffers.NewBuilder(headerSize)
	CreateHeader(b, magic, version, uint32(c.Flags), c.Seed, c.WallTime,
		uint32(len(c.Args)), uint32(len(c.Env)), uint32(names.Len()), c.Rows, c.Columns)
	return append(b.Bytes[b.Head():], names.Bytes()...), nil
}

// Decode reads a configuration, checking every length.
func Decode(data []byte) (Config, error) {
	if len(data) < headerSize || len(data) > MaxSize {
		return Config{}, fmt.Errorf("%w: %d bytes", ErrDamaged, len(data))
	}
	var h Header
	h.Init(data, 0)
	switch {
	case h.Magic() != magic:
		return Config{}, fmt.Errorf("%w: wrong magic", ErrDamaged)
	case h.Version() != version:
		return Config{}, fmt.Errorf("%w: version %d, this build reads %d", ErrDamaged, h.Version(), version)
	case uint64(h.StringsSize()) != uint64(len(data)-headerSize):
		return Config{}, fmt.Errorf("%w: %d bytes of strings announced, %d there", ErrDamaged, h.StringsSize(), len(data)-headerSize)
	case h.Arguments() > MaxStrings || h.Environment() > MaxStrings:
		return Config{}, fmt.Errorf("%w: too many strings", ErrDamaged)
	}
	c := Config{Flags: Flags(h.Flags()), Seed: h.Seed(), WallTime: h.WallTime(), Rows: h.Rows(), Columns: h.Columns()}
	rest := data[headerSize:]
	next := func() (string, bool) {
		i := bytes.IndexByte(rest, 0)
		if i < 0 {
			return "", false
		}
		s := string(rest[:i])
		rest = rest[i+1:]
		return s, true
	}
	ok := true
	list := func(n uint32) (out []string) {
		for ; n > 0 && ok; n-- {
			var s string
			if s, ok = next(); ok {
				out = append(out, s)
			}
		}
		return out
	}
	c.Program, ok = next()
	c.Args = list(h.Arguments())
	c.Env = list(h.Environment())
	if ok {
		c.Dir, ok = next()
	}
	if !ok || len(rest) != 0 {
		return Config{}, fmt.Errorf("%w: number of strings", ErrDamaged)
	}
	return c, nil
}
