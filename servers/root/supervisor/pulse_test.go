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

// watchedFiles is goodFiles with a guest that is started again, and watched.
func watchedFiles(t *testing.T) []bundle.File {
	t.Helper()
	files := goodFiles(t)
	text := strings.Replace(system, "    files: [config]\n", "    files: [config]\n    swap: true\n    hang: 3\n    restart: always\n    restarts: 1\n", 1)
	files[0] = bundle.File{Name: manifest.FileName, Data: []byte(text)}
	return files
}

// beats tells root n times that a second has passed, the last time late by so many ns.
func (w *world) beats(n int, late int64) {
	for i := range n {
		at := w.root.nextBeat
		if i == n-1 {
			at += late
		}
		w.root.Handle(&ipc.Event{Kind: ipc.EventTimer, Time: at})
	}
}

// live lets the guest answer root's question.
func (w *world) live() {
	guest, _ := w.root.byName("guest")
	guest.now.page().PutOutcome(supervise.Outcome{Stage: supervise.StageActive, Answers: guest.now.page().Order().Number})
}

func TestServerWithoutSignOfLifeIsStartedAgain(t *testing.T) {
	w := bootWorld(&world{t: t, orders: 1, byHand: true}, watchedFiles(t)...)
	if w.err != nil {
		t.Fatal(w.err)
	}
	for range 5 { // it may be slow
		w.beats(3, 0)
		w.live()
	}
	// While the machine stood still nobody could have answered.
	for range 5 {
		w.beats(1, 20*beat)
	}
	if n := len(w.lines()); n != 1 {
		t.Fatalf("a server that lives was ended: %q", w.screen.String())
	}
	w.beats(2, 0)
	guest, _ := w.root.byName("guest")
	*guest.now.page().Event() = ipc.Event{Kind: ipc.EventFault, Badge: 5, Token: ipc.Token{Thread: 7, Generation: 2, Sequence: 9}, Time: 10, Address: 0x123}
	if w.beats(1, 0); guest.generation != 2 || guest.now.dead {
		t.Fatalf("generation %d after 3 s without a sign", guest.generation)
	}
	lines := w.lines()
	d := lines[len(lines)-1].Death
	if d == nil || d.Why != "it has not come to the end of a message for 3 s" || d.Action != "restart 1 of 1" || d.Lost == "" ||
		d.Message != "page fault of thread 7, generation 2, sequence 9, badge 0x5, address 0x123, at 10 ns" {
		t.Errorf("the host was told %q", w.screen.String())
	}
	// The next one is watched too, from the beginning.
	if w.beats(3, 0); w.root.ending.decided {
		t.Error("the new one had no time")
	}
	w.live()
	if w.beats(4, 0); !w.root.ending.decided {
		t.Error("root goes on after the second death")
	}
}

// Who is not watched is not asked, and no timer wakes the machine.
func TestNobodyIsAskedWithoutALimit(t *testing.T) {
	w := boot(t, goodFiles(t)...)
	if w.root.nextBeat != 0 {
		t.Error("root wants a timer")
	}
}

// Whoever asks what runs gets an answer, also when the personality hangs; when it lives, with its counters.
func TestQuestionsAboutAServerThatHangs(t *testing.T) {
	w := bootWorld(&world{t: t, orders: 1, byHand: true, report: supervise.Report{Text: "counters"}}, watchedFiles(t)...)
	answer := func(id uint64) *control.Server {
		t.Helper()
		lines := w.lines()
		last := lines[len(lines)-1]
		if last.ID != id || len(last.Servers) != 2 {
			return nil
		}
		return &last.Servers[1]
	}
	w.root.command([]byte(`{"id":1,"servers":true}`))
	if answer(1) != nil {
		t.Fatal("root does not wait for a sign of life")
	}
	w.live()
	w.root.Handle(&ipc.Event{Kind: ipc.EventNotify, Bits: supervise.Staged})
	if a := answer(1); a == nil || a.Silent || a.Text != "counters" {
		t.Errorf("the host was told %q", w.screen.String())
	}
	w.root.command([]byte(`{"id":2,"servers":true}`))
	w.root.Handle(&ipc.Event{Kind: ipc.EventTimer, Time: w.root.questions[0].deadline})
	if a := answer(2); a == nil || !a.Silent || a.Text != "" || len(w.root.questions) != 0 {
		t.Errorf("the host was told %q", w.screen.String())
	}
}
