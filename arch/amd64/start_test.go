package amd64

import (
	"slices"
	"testing"
)

func TestFree(t *testing.T) {
	const mib = 1 << 20
	ram := []Region{{0, 0x9fc00}, {1 * mib, 127 * mib}, {512 * mib, 64 * mib}}
	taken := []Region{{30 * mib, 2 * mib}, {0, mib}, {mib, 0x30000}, {2 * mib, 10 * mib}, {11 * mib, 3*mib + 5}}
	want := []Region{
		{mib + 0x30000, mib - 0x30000},
		{14*mib + PageSize, 16*mib - PageSize},
		{32 * mib, 96 * mib},
		{512 * mib, 64 * mib},
	}
	if got := free(ram, taken); !slices.Equal(got, want) {
		t.Errorf("got  %#x\nwant %#x", got, want)
	}
}
