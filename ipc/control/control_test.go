package control

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	var got []string
	var l Lines
	for _, part := range []string{"{\"a\"", ":1}\n\n{}", "\nrest"} {
		if err := l.Add([]byte(part), func(line []byte) { got = append(got, string(line)) }); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{`{"a":1}`, `{}`}, got); d != "" || string(l.Rest()) != "rest" {
		t.Errorf("%s rest %q", d, l.Rest())
	}
}

func TestEndlessLine(t *testing.T) {
	var l Lines
	err := l.Add([]byte(strings.Repeat("x", MaxLine+1)), func([]byte) { t.Error("a line out of nothing") })
	if err == nil {
		t.Error("no error")
	}
}

// The lines are an interface that other programs read: they are kept as they are.
func TestGolden(t *testing.T) {
	for want, v := range map[string]any{
		`{"exit":{"code":7}}`:                                    ToHost{Exit: &Exit{Code: 7}},
		`{"exit":{"code":0,"signal":9}}`:                         ToHost{Exit: &Exit{Signal: 9}},
		`{"refused":{"errno":2,"text":"/x: not found"}}`:         ToHost{Refused: &Refused{2, "/x: not found"}},
		`{"window":{"rows":24,"columns":80}}`:                    FromHost{Window: &Window{24, 80}},
		`{"eof":true,"bytes":12}`:                                FromHost{EOF: true, Bytes: 12},
		`{"eof":true}`:                                           FromHost{EOF: true},
		`{"started":{"servers":["pager","linux"],"now":350000}}`: ToHost{Started: &Started{[]string{"pager", "linux"}, 350000}},
	} {
		line := Encode(v)
		if string(line) != want+"\n" {
			t.Errorf("got %s, want %s", line, want)
		}
		switch v := v.(type) {
		case ToHost:
			var back ToHost
			if err := json.Unmarshal(line, &back); err != nil || !cmp.Equal(v, back) {
				t.Errorf("%s does not come back: %v", line, err)
			}
		case FromHost:
			var back FromHost
			if err := json.Unmarshal(line, &back); err != nil || !cmp.Equal(v, back) {
				t.Errorf("%s does not come back: %v", line, err)
			}
		}
	}
}
