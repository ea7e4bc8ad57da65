package bench

import (
	"bytes"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

const source = "../../.."

// The table names every case of the program and no other.
func TestCasesAreThoseOfTheProgram(t *testing.T) {
	program, err := Program(source)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for line := range strings.Lines(string(out)) {
		want = append(want, strings.Fields(line)[0])
	}
	for _, c := range Cases {
		got = append(got, c.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table has %q, the program %q", got, want)
	}
}

// The script and its driver work with the host's own shell and the real program.
func TestScriptOnTheHost(t *testing.T) {
	program, err := Program(source)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("sh", "-c", strings.ReplaceAll(Script, "/bench", program))
	in, _ := c.StdinPipe()
	out, _ := c.StdoutPipe()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	g := NewGuest(in, out, 20*time.Second)
	if err := g.Ready(); err != nil {
		t.Fatal(err)
	}
	var asked uint64
	r, err := g.Count(Case{Name: "getpid", Count: 100}, func() (uint64, error) {
		asked++
		return asked * asked * 100 * repetitions, nil // 300 a repetition between the first two, 700 between the last two
	})
	if err != nil || r.Instructions <= 0 || r.Switches != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := g.Run("--count 1 no_such_case"); err == nil {
		t.Error("a case that does not exist has a result")
	}
	in.Close()
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

func TestSilentGuest(t *testing.T) {
	r, _ := io.Pipe()
	if err := NewGuest(io.Discard, r, 10*time.Millisecond).Ready(); err != ErrSilent {
		t.Errorf("got %v", err)
	}
	if err := NewGuest(io.Discard, strings.NewReader("garbage\n"), time.Second).Ready(); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v", err)
	}
}

func TestReport(t *testing.T) {
	r := Report{BootMilliseconds: 700, Machine: "microvm", Rows: []Row{
		{Case: "getpid", Instructions: 401.2, Switches: 2, Nanoseconds: 900, Target: 450, TargetSwitches: 2},
		{Case: "fork", Instructions: 300_000, Switches: 40, Target: 270_000},
		{Case: "yield", Failed: "ENOSYS"},
	}}
	for i := range r.Rows {
		r.Rows[i].judge()
	}
	var b bytes.Buffer
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"getpid 401 2.00 900 450 met", "fork 300000 40.00 - 270000 missed", "yield ENOSYS ENOSYS - ", "shell: 700 ms"} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), strings.TrimSpace(want)) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if _, err := Choose([]string{"getpid", "nonsense"}); err == nil || !strings.Contains(err.Error(), "open_close") {
		t.Errorf("unknown case: %v", err)
	}
}
