package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// Row is what is known of one case. A measurement that failed has its reason
// instead of a number.
type Row struct {
	Case         string  `json:"case"`
	What         string  `json:"what"`
	Instructions float64 `json:"instructions,omitempty"`
	Switches     float64 `json:"space_switches,omitempty"`
	Nanoseconds  float64 `json:"tcg_ns,omitempty"`
	Failed       string  `json:"failed,omitempty"`

	LinuxInstructions float64 `json:"linux_instructions,omitempty"`
	LinuxNanoseconds  float64 `json:"linux_tcg_ns,omitempty"`
	LinuxFailed       string  `json:"linux_failed,omitempty"`

	Target         float64 `json:"target_instructions,omitempty"`
	TargetSwitches float64 `json:"target_space_switches,omitempty"`
	Met            *bool   `json:"met,omitempty"`
}

// judge says whether the target is met.
func (r *Row) judge() {
	if r.Target == 0 || r.Failed != "" {
		return
	}
	// A switch more or less in a thousand operations is the timer's.
	met := r.Instructions <= r.Target && (r.TargetSwitches == 0 || r.Switches <= r.TargetSwitches+0.05)
	r.Met = &met
}

// Report is a whole run.
type Report struct {
	Rows []Row `json:"cases"`
	// BootMilliseconds is the host's time from QEMU's start to the shell's first output.
	BootMilliseconds int64  `json:"boot_ms"`
	Machine          string `json:"machine"` // QEMU's settings
	LinuxKernel      string `json:"linux_kernel,omitempty"`
}

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := "operation\tinstructions\tswitches\tTCG ns\ttarget\t\t"
	if r.LinuxKernel != "" {
		head += "Linux\tLinux TCG ns\t"
	}
	fmt.Fprintln(t, head)
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t", row.Case,
			number(row.Instructions, row.Failed), number1(row.Switches, row.Failed), number(row.Nanoseconds, row.Failed),
			number(row.Target, ""), verdict(row.Met))
		if r.LinuxKernel != "" {
			fmt.Fprintf(t, "%s\t%s\t", number(row.LinuxInstructions, row.LinuxFailed), number(row.LinuxNanoseconds, row.LinuxFailed))
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "from QEMU's start to the shell: %d ms\nmachine: %s\n", r.BootMilliseconds, r.Machine)
	if err == nil && r.LinuxKernel != "" {
		_, err = fmt.Fprintf(w, "Linux: %s\n", r.LinuxKernel)
	}
	return err
}

func number(v float64, failed string) string {
	switch {
	case failed != "":
		return failed
	case v == 0:
		return "-"
	}
	return fmt.Sprintf("%.0f", v)
}

func number1(v float64, failed string) string {
	if failed != "" {
		return ""
	}
	return fmt.Sprintf("%.2f", v)
}

func verdict(met *bool) string {
	switch {
	case met == nil:
		return ""
	case *met:
		return "met"
	}
	return "missed"
}
