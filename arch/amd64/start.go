package amd64

import (
	"cmp"
	"slices"

	"starling/arch/amd64/boot"
)

// Region is a piece of physical memory, in bytes.
type Region struct{ Start, Size uint64 }

// Machine is what the boot stub and the image tell about the machine.
type Machine struct {
	Free       []Region // whole pages of RAM that nobody uses
	Bundle     Region   // the files of the boot image
	Seed       [2]uint64
	StartTicks uint64 // time stamp counter at power-on
}

// Devices is the physical memory of devices that servers may drive; the
// interrupt controllers above it are the kernel's.
var Devices = Region{deviceMemory, ioapicBase - deviceMemory}

// firstUsable: below it the firmware keeps tables and the boot protocol its data.
const firstUsable = 1 << 20

// FindMachine reads the boot table; unused are pieces of reserved memory that
// turned out to be free.
func FindMachine(unused ...Region) (Machine, error) {
	t, err := boot.Read()
	if err != nil {
		return Machine{}, err
	}
	m := Machine{Bundle: Region{t.BundleStart, t.BundleSize}, Seed: t.Seed, StartTicks: t.BootTicks}
	var ram []Region
	for _, r := range t.MemoryMap() {
		if r.RAM {
			ram = append(ram, Region{r.Start, r.Size})
		}
	}
	m.Free = free(ram, []Region{
		{0, firstUsable},
		{boot.StubAddress, boot.StubEnd - boot.StubAddress},
		{t.KernelStart, t.KernelEnd - t.KernelStart},
		m.Bundle,
		{t.HeapStart, t.HeapSize},
		{deviceMemory, 1<<52 - deviceMemory},
	})
	for _, r := range unused {
		if r.Size > 0 {
			m.Free = append(m.Free, r)
		}
	}
	return m, nil
}

func byStart(a, b Region) int { return cmp.Compare(a.Start, b.Start) }

// free is ram without taken, in whole pages, in ascending order.
func free(ram, taken []Region) []Region {
	slices.SortFunc(taken, byStart)
	var out []Region
	add := func(start, end uint64) {
		start, end = (start+PageSize-1)&^(PageSize-1), end&^(PageSize-1)
		if start < end {
			out = append(out, Region{start, end - start})
		}
	}
	for _, r := range ram {
		at, end := r.Start, r.Start+r.Size
		for _, t := range taken {
			if t.Start >= end || t.Start+t.Size <= at {
				continue
			}
			if t.Start > at {
				add(at, t.Start)
			}
			at = max(at, min(t.Start+t.Size, end))
		}
		add(at, end)
	}
	slices.SortFunc(out, byStart)
	return out
}
