package bpf

import (
	"math"
	"math/bits"
)

// compute is an ALU operation on numbers (RFC 9669, 4.1). Division by zero gives 0, the
// remainder leaves the number; shifts count modulo the width.
func compute(op operation, a, b uint64, narrow bool) uint64 {
	if narrow {
		return uint64(compute32(op, uint32(a), uint32(b)))
	}
	switch op {
	case opAdd:
		return a + b
	case opSub:
		return a - b
	case opMul:
		return a * b
	case opDiv:
		if b == 0 {
			return 0
		}
		return a / b
	case opSDiv:
		switch {
		case b == 0:
			return 0
		case int64(a) == math.MinInt64 && int64(b) == -1:
			return a
		}
		return uint64(int64(a) / int64(b))
	case opMod:
		if b == 0 {
			return a
		}
		return a % b
	case opSMod:
		switch {
		case b == 0:
			return a
		case int64(b) == -1:
			return 0
		}
		return uint64(int64(a) % int64(b))
	case opOr:
		return a | b
	case opAnd:
		return a & b
	case opXor:
		return a ^ b
	case opLSh:
		return a << (b & 63)
	case opRSh:
		return a >> (b & 63)
	case opArSh:
		return uint64(int64(a) >> (b & 63))
	case opNeg:
		return -a
	case opMov:
		return b
	case opMovSX8:
		return uint64(int8(b))
	case opMovSX16:
		return uint64(int16(b))
	case opMovSX32:
		return uint64(int32(b))
	}
	return 0
}

func compute32(op operation, a, b uint32) uint32 {
	switch op {
	case opDiv:
		if b == 0 {
			return 0
		}
		return a / b
	case opSDiv:
		switch {
		case b == 0:
			return 0
		case int32(a) == math.MinInt32 && int32(b) == -1:
			return a
		}
		return uint32(int32(a) / int32(b))
	case opMod:
		if b == 0 {
			return a
		}
		return a % b
	case opSMod:
		switch {
		case b == 0:
			return a
		case int32(b) == -1:
			return 0
		}
		return uint32(int32(a) % int32(b))
	case opLSh:
		return a << (b & 31)
	case opRSh:
		return a >> (b & 31)
	case opArSh:
		return uint32(int32(a) >> (b & 31))
	}
	return uint32(compute(op, uint64(a), uint64(b), false))
}

// compare is the condition of a jump.
func compare(op operation, a, b uint64, narrow bool) bool {
	if narrow {
		switch op {
		case opJSGT, opJSGE, opJSLT, opJSLE:
			a, b = uint64(int32(a)), uint64(int32(b))
		default:
			a, b = uint64(uint32(a)), uint64(uint32(b))
		}
	}
	switch op {
	case opJEq:
		return a == b
	case opJNE:
		return a != b
	case opJGT:
		return a > b
	case opJGE:
		return a >= b
	case opJLT:
		return a < b
	case opJLE:
		return a <= b
	case opJSGT:
		return int64(a) > int64(b)
	case opJSGE:
		return int64(a) >= int64(b)
	case opJSLT:
		return int64(a) < int64(b)
	case opJSLE:
		return int64(a) <= int64(b)
	case opJSet:
		return a&b != 0
	}
	return false
}

// swap is a conversion between byte orders; the processor's is little-endian.
func swap(op operation, a uint64, width int64) uint64 {
	little := op == opToLittle
	switch width {
	case 16:
		if little {
			return uint64(uint16(a))
		}
		return uint64(bits.ReverseBytes16(uint16(a)))
	case 32:
		if little {
			return uint64(uint32(a))
		}
		return uint64(bits.ReverseBytes32(uint32(a)))
	}
	if little {
		return a
	}
	return bits.ReverseBytes64(a)
}
