package faults

import (
	"fmt"
	"html/template"
	"io"
	"strings"
)

// page is one HTML file without anything from outside.
var page = template.Must(template.New("faults").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Starling: faults</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 96em; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse; font-size: 13px }
th, td { padding: 2px 7px; border: 1px solid #ddd; text-align: right }
th:first-child { text-align: left; white-space: nowrap; font-weight: normal; position: sticky; left: 0; background: #fff }
thead th { writing-mode: vertical-rl; transform: rotate(180deg); font-weight: normal; border: 0; text-align: left }
.none { background: #f4f4f4; border-color: #eee } .unnoticed { background: #d9f2dc } .harmed { background: #fff1c9 }
.restarted { background: #d6e8fb } .stopped { background: #e6dcf5 } .never { background: #fff; color: #b00 } .finding { background: #f7b5b0; font-weight: bold }
code, pre { font: 12.5px ui-monospace, monospace; background: #f6f6f6; padding: 2px 4px } pre { padding: .7em; white-space: pre-wrap; word-break: break-all }
.key span { padding: 2px 8px; margin-right: .6em }
@media (prefers-color-scheme: dark) { body, th:first-child { background: #1b1b1b; color: #ddd } th, td { border-color: #444; color: #ddd }
.none { background: #222 } .unnoticed { background: #1f4a26 } .harmed { background: #5a4a14 } .restarted { background: #1d3f63 } .stopped { background: #43306b }
.never { background: #1b1b1b; color: #f77 } .finding { background: #8c2620 } code, pre { background: #2a2a2a } }
</style></head><body>
<h1>Faults, tier {{.Tier}}, seed {{.Seed}}</h1>
<p>{{.Line}}</p>
{{if .Findings}}<h2>Findings</h2>{{range $i, $f := .Findings}}
<h3>{{$f.Scenario}}</h3>
<ul>{{range $f.Plan}}<li><code>{{.}}</code></li>{{end}}</ul>
{{range $f.What}}<pre>{{.}}</pre>{{end}}
<p>Repeat it: <code>{{$f.Repeat}}</code></p>{{end}}{{end}}
<h2>Message and fault</h2>
<p>Each field says in how many runs the fault struck such a message. Rest the pointer on a field to see what must follow and why.</p>
<p class="key"><span class="unnoticed">nobody noticed</span><span class="harmed">its own program was harmed</span><span class="restarted">a server was restarted</span><span class="stopped">the machine stopped and said why</span><span class="finding">finding</span><span class="never">never struck</span></p>
<table><thead><tr><th></th>{{range .Columns}}<th>{{.}}</th>{{end}}</tr></thead><tbody>
{{range .Rows}}<tr><th>{{.Name}}</th>{{range .Cells}}{{if .Applies}}<td class="{{.Class}}" title="{{.Title}}">{{.Count}}</td>{{else}}<td class="none"></td>{{end}}{{end}}</tr>
{{end}}</tbody></table>
</body></html>
`))

// square is a field of the table as the page shows it.
type square struct {
	Applies      bool
	Class, Title string
	Count        uint64
}

// HTML writes the page.
func (s *Summary) HTML(w io.Writer) error {
	columns, rows := s.matrix()
	type line struct {
		Name  string
		Cells []square
	}
	var lines []line
	for _, r := range rows {
		l := line{Name: r.Name}
		for _, c := range r.Cells {
			l.Cells = append(l.Cells, c.square())
		}
		lines = append(lines, l)
	}
	return page.Execute(w, struct {
		*Summary
		Columns []string
		Rows    []line
	}{s, columns, lines})
}

func (c *Cell) square() square {
	if c == nil {
		return square{}
	}
	class := c.worst()
	switch {
	case c.Findings > 0:
		class = "finding"
	case c.Activated == 0:
		class = "never"
	}
	var seen []string
	for _, o := range []string{"unnoticed", "harmed", "restarted", "stopped"} {
		if n := c.Outcomes[o]; n > 0 {
			seen = append(seen, fmt.Sprintf("%d %s", n, o))
		}
	}
	title := fmt.Sprintf("%s %s, %s: at worst %s. %s. Alone: %s.", c.Wire, c.Message, c.Fault, c.Expected, c.How, strings.Join(seen, ", "))
	return square{true, class, title, c.Activated}
}
