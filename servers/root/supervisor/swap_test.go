package supervisor

import (
	"strings"
	"testing"

	"starling/ipc/bundle"
	"starling/ipc/control"
	"starling/servers/manifest"
)

// What cannot begin is refused in words that say what could, and leaves nothing behind.
func TestRefusedSwaps(t *testing.T) {
	files := goodFiles(t)
	const builds = "    swap: true\n    builds: [{name: damaged}, {name: absent}, {name: good, binary: guest}]\n"
	text := strings.Replace(system, "    files: [config]\n", "    files: [config]\n"+builds, 1)
	files[0] = bundle.File{Name: manifest.FileName, Data: []byte(text)}
	whole := testProgram(guestEntry)
	files = append(files, bundle.File{Name: "damaged", Data: whole[:len(whole)/2]})
	w := bootWorld(&world{t: t, orders: 1}, files...)
	if w.err != nil {
		t.Fatal(w.err)
	}
	ask := func(c control.Swap) string {
		t.Helper()
		w.root.startSwap(7, &c)
		lines := w.lines()
		last := lines[len(lines)-1]
		if last.ID != 7 || last.Swap == nil || last.Swap.Step != "start" {
			t.Fatalf("%+v: the host was told %q", c, w.screen.String())
		}
		return last.Swap.Error
	}
	for _, c := range []struct {
		swap control.Swap
		want string
	}{
		{control.Swap{Server: "nobody"}, `there is no server "nobody"; there are screen, guest`},
		{control.Swap{Server: "screen"}, "the manifest does not let screen be swapped; it does guest"},
		{control.Swap{Server: "guest", With: "none"}, `guest has no build "none"; the image has guest, damaged, absent, good`},
		{control.Swap{Server: "guest", With: "damaged"}, "build damaged cannot be started: program damaged:"},
		{control.Swap{Server: "guest", With: "absent"}, `build absent cannot be started: boot image damaged: no file "absent"`},
	} {
		if got := ask(c.swap); !strings.HasPrefix(got, c.want) || w.root.swapping() {
			t.Errorf("%+v: %q, want %q", c.swap, got, c.want)
		}
	}
	free := w.tr.KernelFree()
	w.root.startSwap(8, &control.Swap{Server: "guest", With: "good"})
	if !w.root.swapping() {
		t.Fatalf("a good one does not begin: %q", w.screen.String())
	}
	if got := ask(control.Swap{Server: "guest"}); got != "a swap of guest is going on: wait for its end" {
		t.Errorf("the second of two swaps: %q", got)
	}
	w.root.timedOut(w.root.swap.deadline)
	lines := w.lines()
	if last := lines[len(lines)-1].Swap; last == nil || !strings.Contains(last.Error, "the new instance did not answer within 30000 ms") || w.root.swapping() {
		t.Errorf("the host was told %q", w.screen.String())
	}
	if guest, _ := w.root.byName("guest"); guest.generation != 1 || guest.now.dead || w.tr.KernelFree() < free {
		t.Errorf("generation %d, %d kernel pages free, of %d", guest.generation, w.tr.KernelFree(), free)
	}
}
