// Package pvh composes bootable images: one ELF file with a PVH entry point that
// QEMU (microvm and q35), Firecracker and Cloud Hypervisor load as a kernel.
//
//	physical address	what
//	0x100000		boot stub, boot table (arch/amd64/boot)
//	0x102000		page tables and first stack, made by the stub
//	0x130000		page tables of stub and kernel
//	0x1ff000		kernel: its load segments, at their virtual address - 0xffffffff80000000
//	page after		bundle: directory and files (ipc/bundle)
//	next 2 MiB		kernel heap
//
// It runs on the host; Compose is a pure function from bytes to bytes.
package pvh

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"

	"starling/arch/amd64/boot"
	"starling/ipc/bundle"
)

// DefaultKernelHeap is 2 MiB of metadata and one arena of the Go runtime.
const DefaultKernelHeap = 6 << 20

// MaxKernelHeap is what the stub's one page directory can map.
const MaxKernelHeap = 1 << 30

// Image says what goes into a boot image.
type Image struct {
	Kernel     []byte        // static ELF, linked by arch/overlay for profile Kernel
	Files      []bundle.File // in the order in which they lie in memory
	KernelHeap uint64        // bytes, a multiple of 2 MiB; 0: DefaultKernelHeap
	Seed       *[2]uint64    // of every random choice; nil: the machine's counter at boot
}

// Layout says where things are in a composed image, in physical addresses.
type Layout struct {
	boot.Table
	FileSize int // bytes of the image file
}

// Root is the name of the file that the kernel itself starts.
const Root = "root"

const (
	pageSize  = 4096
	hugePage  = 2 << 20
	noteXen   = 18 // XEN_ELFNOTE_PHYS32_ENTRY (Xen, xen/include/public/elfnote.h)
	maxBundle = boot.DeviceStart - 64<<20

	// A server's text, data and bss lie between these addresses (docs/contract.md).
	serverStart = 0x400000
	serverEnd   = 1 << 30
)

func roundUp(n, to uint64) uint64 { return (n + to - 1) &^ (to - 1) }

// Compose makes a boot image.
func Compose(in Image) ([]byte, *Layout, error) {
	heap := in.KernelHeap
	if heap == 0 {
		heap = DefaultKernelHeap
	}
	if heap%hugePage != 0 || heap < DefaultKernelHeap || heap > MaxKernelHeap {
		return nil, nil, fmt.Errorf("boot image: kernel heap of %d bytes: want a multiple of 2 MiB from %d to %d", heap, DefaultKernelHeap, MaxKernelHeap)
	}
	segments, entry, err := program(in.Kernel, boot.ImageBase, boot.StubEnd, boot.ImageSize)
	if err != nil {
		return nil, nil, fmt.Errorf("boot image: kernel: %w", err)
	}
	for _, f := range in.Files {
		if f.Name != Root {
			continue
		}
		if _, _, err := program(f.Data, 0, serverStart, serverEnd); err != nil {
			return nil, nil, fmt.Errorf("boot image: root: %w", err)
		}
	}
	files, err := bundle.Encode(in.Files)
	if err != nil {
		return nil, nil, fmt.Errorf("boot image: %w", err)
	}
	if len(files) > maxBundle {
		return nil, nil, fmt.Errorf("boot image: files of %d MiB, at most %d fit", len(files)>>20, maxBundle>>20)
	}
	last := segments[len(segments)-1]
	t := boot.Table{
		Entry:       entry,
		KernelStart: segments[0].physical,
		KernelEnd:   roundUp(last.physical+last.size, pageSize),
		BundleSize:  uint64(len(files)),
		HeapSize:    heap,
	}
	t.BundleStart = t.KernelEnd
	t.HeapStart = roundUp(t.BundleStart+t.BundleSize, hugePage)
	if in.Seed != nil {
		t.Flags, t.Seed = boot.FlagSeed, *in.Seed
	}
	stub := make([]byte, boot.TableAddress-boot.StubAddress)
	copy(stub, boot.Stub)
	stub = append(stub, t.Encode()...)
	var pieces []boot.Piece
	for _, s := range segments {
		pieces = append(pieces, boot.Piece{Start: s.physical, Size: s.size, Write: s.flags&elf.PF_W != 0, Execute: s.flags&elf.PF_X != 0})
	}
	tables := boot.MakeImageTables(pieces)
	all := append([]segment{
		{stub, boot.StubAddress, boot.ImageTables - boot.StubAddress, elf.PF_R | elf.PF_W | elf.PF_X},
		{tables, boot.ImageTables, uint64(len(tables)), elf.PF_R | elf.PF_W},
	}, segments...)
	all = append(all, segment{files, t.BundleStart, t.BundleSize, elf.PF_R})
	out := write(all)
	return out, &Layout{t, len(out)}, nil
}

// write lays out the ELF file: headers and the note in the first page, then the
// segments, each at a file offset that fits its address.
func write(segments []segment) []byte {
	const ehsize, phentsize = 64, 56
	count := len(segments) + 1
	note := make([]byte, 0, 24)
	for _, v := range []uint32{4, 8, noteXen} {
		note = binary.LittleEndian.AppendUint32(note, v)
	}
	note = append(note, "Xen\x00"...)
	note = binary.LittleEndian.AppendUint64(note, boot.StubAddress)
	noteAt := uint64(ehsize + phentsize*count)

	headers := []elf.Prog64{{Type: uint32(elf.PT_NOTE), Flags: uint32(elf.PF_R), Off: noteAt, Filesz: uint64(len(note)), Memsz: uint64(len(note)), Align: 4}}
	offset := uint64(pageSize)
	for _, s := range segments {
		offset = roundUp(offset, pageSize) + s.physical%pageSize
		headers = append(headers, elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(s.flags), Off: offset, Align: pageSize,
			Vaddr: s.physical, Paddr: s.physical, Filesz: uint64(len(s.data)), Memsz: s.size,
		})
		offset += uint64(len(s.data))
	}
	h := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: 1, Entry: boot.StubAddress,
		Phoff: ehsize, Ehsize: ehsize, Phentsize: phentsize, Phnum: uint16(count), Shentsize: 64,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1

	head := bytes.NewBuffer(make([]byte, 0, pageSize))
	for _, v := range []any{&h, headers} {
		if err := binary.Write(head, binary.LittleEndian, v); err != nil {
			panic("pvh: fixed-size headers do not encode: " + err.Error())
		}
	}
	head.Write(note)
	out := make([]byte, offset)
	copy(out, head.Bytes())
	for i, s := range segments {
		copy(out[headers[i+1].Off:], s.data)
	}
	return out
}
