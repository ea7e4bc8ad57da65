package envelope

import "testing"

// A wire is plain until it is tapped, at either end.
func TestPost(t *testing.T) {
	var p Post
	if p.Sends(3) || p.Receives(7) {
		t.Error("tapped before anything was")
	}
	p.Tap(3, 0)
	p.Tap(0, 7)
	if !p.Sends(3) || p.Sends(7) || p.Sends(0) || !p.Receives(7) || p.Receives(3) || p.Receives(0) {
		t.Errorf("%+v", p)
	}
}
