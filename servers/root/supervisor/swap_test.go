package supervisor

import (
	"strings"
	"testing"

	"starling/ipc"
	"starling/ipc/bundle"
	"starling/ipc/control"
	"starling/ipc/supervise"
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

// Whatever fails at whichever step, the old instance goes on: it gets the order to, and the
// new one is gone. Only the last answer makes the new one the server.
func TestEveryStepOfASwap(t *testing.T) {
	good := []supervise.Outcome{
		stepStart: {Stage: supervise.StageWarm}, stepHandOver: {Stage: supervise.StageHandedOver, Digest: 5, Size: 10, Records: 3},
		stepTakeOver: {Stage: supervise.StageTakenOver, Digest: 5}, stepCommit: {Stage: supervise.StageActive},
	}
	refusal := supervise.Outcome{Stage: supervise.StageRefused, Text: "no"}
	for _, c := range []struct {
		name   string
		at     step // where it fails
		fail   func(w *world)
		reason string
	}{
		{"nothing", stepCommit + 1, nil, ""},
		{"refusal", stepStart, func(w *world) { w.answers(refusal) }, "refused: no"},
		{"refusal", stepHandOver, func(w *world) { w.answers(refusal) }, "refused: no"},
		{"refusal", stepTakeOver, func(w *world) { w.answers(refusal) }, "refused: no"},
		{"refusal", stepCommit, func(w *world) { w.answers(refusal) }, "refused: no"},
		{"silence", stepStart, (*world).silence, "the new instance did not answer within 2000 ms"},
		{"silence", stepHandOver, (*world).silence, "the old instance did not answer within 2000 ms"},
		{"silence", stepTakeOver, (*world).silence, "the new instance did not answer within 2000 ms"},
		{"silence", stepCommit, (*world).silence, "the new instance did not answer within 2000 ms"},
		{"death", stepStart, (*world).death, "the new instance died: exception 13"},
		{"death", stepHandOver, (*world).death, "the new instance died: exception 13"},
		{"death", stepTakeOver, (*world).death, "the new instance died: exception 13"},
		{"death", stepCommit, (*world).death, "the new instance died: exception 13"},
		{"another stage", stepStart, func(w *world) { w.answers(good[stepCommit]) }, "says that it is in stage"},
		{"another stage", stepHandOver, func(w *world) { w.answers(good[stepTakeOver]) }, "says that it is in stage"},
		{"another stage", stepTakeOver, func(w *world) { w.answers(good[stepCommit]) }, "says that it is in stage"},
		{"another digest", stepCompare, func(w *world) { w.answers(supervise.Outcome{Stage: supervise.StageTakenOver, Digest: 6}) }, "exports another state than it was given"},
	} {
		t.Run(c.name+" at "+stepNames[min(int(c.at), len(stepNames)-1)], func(t *testing.T) {
			w := bootWorld(&world{t: t, orders: 1, byHand: true}, watchedFiles(t)...)
			guest, _ := w.root.byName("guest")
			old := guest.now
			old.page().PutFields([]byte("what it knows"))
			w.root.startSwap(1, &control.Swap{Server: "guest", Limit: 2e9})
			next := w.root.swap.next
			next.page().PutFields([]byte("what it knows"))
			for at := stepStart; at <= stepCommit && at < c.at; at++ {
				if at != stepCompare && (at != stepTakeOver || c.at != stepCompare) {
					w.answers(good[at])
				}
			}
			if c.fail != nil {
				c.fail(w)
			}
			lines := w.lines()
			r := lines[len(lines)-1].Swap
			if r == nil || w.root.swapping() {
				t.Fatalf("the swap has not ended: %q", w.screen.String())
			}
			if c.fail == nil {
				if r.Error != "" || r.Generation != 2 || guest.now != next || r.Bytes != 10 || r.Records != 3 || r.DigestBefore != r.DigestAfter || old.space != 0 {
					t.Errorf("%+v", r)
				}
				return
			}
			if !strings.Contains(r.Error, c.reason) || r.Step != stepNames[c.at] || r.Generation != 1 || guest.now != old || old.space == 0 || next.space != 0 {
				t.Errorf("%+v, want %q", r, c.reason)
			}
			// Nothing comes over it before it was seen.
			w.root.command([]byte(`{"id":2,"servers":true}`))
			if command := old.page().Order().Command; (command == supervise.CommandResume) != (c.at >= stepHandOver) {
				t.Errorf("the old instance has order %d", command)
			}
		})
	}
}

// answers lets the instance that root waits for answer.
func (w *world) answers(out supervise.Outcome) {
	in := w.root.swap.next
	if w.root.swap.step == stepHandOver {
		in = w.root.swap.old
	}
	out.Answers = w.root.swap.awaited
	in.page().PutOutcome(out)
	w.root.Handle(&ipc.Event{Kind: ipc.EventNotify, Bits: supervise.Staged})
}

// silence lets the time run out.
func (w *world) silence() {
	w.root.Handle(&ipc.Event{Kind: ipc.EventTimer, Time: w.root.swap.deadline})
}

// death is the new instance's.
func (w *world) death() {
	w.root.Handle(&ipc.Event{Kind: ipc.EventException, Badge: w.root.swap.next.badge(), Vector: 13})
}
