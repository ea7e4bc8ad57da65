package vdso

import (
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"starling/ipc"
)

func TestFresh(t *testing.T) {
	h := sha256.New()
	for _, f := range []string{"image/vdso.c", "image/vdso.lds", "image/note.s"} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(b)
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != sourceHash {
		t.Errorf("image_amd64.go was not generated from these sources: run go generate ./personality/vdso")
	}
}

func TestImage(t *testing.T) {
	f, err := elf.NewFile(strings.NewReader(Image))
	if err != nil {
		t.Fatal(err)
	}
	loads := 0
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD {
			loads++
			if p.Vaddr != 0 || p.Filesz != p.Memsz || p.Flags != elf.PF_R|elf.PF_X {
				t.Errorf("segment at %#x, %d bytes in the file, %d in memory, %v", p.Vaddr, p.Filesz, p.Memsz, p.Flags)
			}
		}
	}
	if loads != 1 {
		t.Errorf("%d segments, want 1", loads)
	}
	for _, s := range f.Sections {
		if s.Type == elf.SHT_RELA || s.Type == elf.SHT_REL {
			t.Errorf("section %s: nobody relocates the image", s.Name)
		}
	}
	versions, err := f.DynamicVersions()
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) != 2 || versions[1].Name != "LINUX_2.6" {
		t.Errorf("versions %+v", versions)
	}
}

const harness = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
int main(int argc, char **argv)
{
	char *p = mmap(0, 16384, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *f = fopen(argv[1], "r");
	if (!f || fread(p, 1, 16384, f) < 4096)
		return 1;
	char *image = p + 4096;
	int (*gettime)(int, struct timespec *) = (void *)(image + strtoul(argv[2], 0, 0));
	int (*getres)(int, struct timespec *) = (void *)(image + strtoul(argv[3], 0, 0));
	int (*gettod)(struct timeval *, void *) = (void *)(image + strtoul(argv[4], 0, 0));
	long (*gett)(long *) = (void *)(image + strtoul(argv[5], 0, 0));
	for (int c = 0; c < 13; c++) {
		struct timespec a = {-1, -1}, r = {-1, -1};
		int e = gettime(c, &a), e2 = getres(c, &r);
		printf("%d: %d %ld.%09ld res %d %ld\n", c, e, c == 2 || c == 3 || c == 8 || c == 9 ? 0 : a.tv_sec,
			c == 2 || c == 3 || c == 8 || c == 9 ? 0 : a.tv_nsec, e2, r.tv_nsec);
	}
	struct timeval tv;
	int zone[2];
	long s;
	int e = gettod(&tv, zone);
	printf("%d %ld.%06ld", e, tv.tv_sec, tv.tv_usec);
	printf(" zone %d %d", zone[0], zone[1]);
	long r = gett(&s);
	printf(" time %ld %ld\n", r, s);
	return 0;
}
`

// TestRun runs the code of the image in a program of its own, with a multiplier of
// 0, so that the clocks stand still: layout, clocks and fall-back show exactly.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	src, bin, mem := filepath.Join(dir, "h.c"), filepath.Join(dir, "h"), filepath.Join(dir, "mem")
	if err := os.WriteFile(src, []byte(harness), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-O1", "-o", bin, src).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	var page [ipc.PageSize]byte
	d := Data{UseTSC: true, TSC0: 1, Mult: 0, Realtime: 1_600_000_000_123_456_789, TAI: 37e9, ZoneWest: -60, ZoneDST: 1}
	d.Put(&page)
	d.Put(&page)
	image := make([]byte, 3*ipc.PageSize)
	copy(image, Image)
	if err := os.WriteFile(mem, append(page[:], image...), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(strings.NewReader(Image))
	if err != nil {
		t.Fatal(err)
	}
	syms, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{mem}
	for _, name := range []string{"__vdso_clock_gettime", "__vdso_clock_getres", "__vdso_gettimeofday", "__vdso_time"} {
		for _, s := range syms {
			if s.Name == name {
				args = append(args, fmt.Sprint(s.Value))
			}
		}
	}
	out, err := exec.Command(bin, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{
		"0: 0 1600000000.123456789 res 0 1",
		"1: 0 0.000000000 res 0 1",
		"4: 0 0.000000000 res 0 1",
		"5: 0 1600000000.123456789 res 0 4000000",
		"6: 0 0.000000000 res 0 4000000",
		"7: 0 0.000000000 res 0 1",
		"11: 0 1600000037.123456789 res 0 1",
		"12: -22 -1.-00000001 res -22 -1",
		"0 1600000000.123456 zone -60 1 time 1600000000 1600000000",
	}
	for _, w := range want {
		if !strings.Contains(string(out), w+"\n") {
			t.Errorf("no line %q in\n%s", w, out)
		}
	}
}
