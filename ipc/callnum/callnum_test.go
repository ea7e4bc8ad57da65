package callnum

import "testing"

func TestRowsAreInOrderAndComplete(t *testing.T) {
	if len(Rows) != Count-1 {
		t.Fatalf("%d rows for %d calls", len(Rows), Count-1)
	}
	for i, r := range Rows {
		if r.Number != i+1 {
			t.Errorf("row %d (%s) has number %d", i, r.Name, r.Number)
		}
		if r.Name == "" || r.Needs == "" || r.Text == "" {
			t.Errorf("row %d (%s) is not documented", i, r.Name)
		}
	}
}
