package bench

// Table is the report in rows of cells, the first of which are the headings.
func (r Report) Table() [][]string {
	rows := [][]string{{"MEASURE", "FIGURE", "VALUE", "YARDSTICK", "RATIO", "TARGET", ""}}
	for _, f := range r.Figures {
		rows = append(rows, []string{f.Measure, f.Figure, f.value(), f.yardstick(), f.ratio(), f.target(), f.verdict()})
	}
	return rows
}

// Legend explains what the table cannot.
func (r Report) Legend() []string {
	lines := []string{
		"Medians of the rounds, and in brackets the least and the most. A ratio is the median of the rounds' own.",
		"A target in brackets is not judged: it is for a machine whose bare loop reaches 50,000/s, or the figures are rough.",
	}
	if r.Quick {
		lines = append(lines, "Quick: all figures are rough.")
	}
	if !r.Completed {
		lines = append(lines, "Ended early: what is missing was not measured.")
	}
	return lines
}

func (f Figure) value() string {
	if f.Value == nil {
		return "not measured"
	}
	return f.Value.text(f.Unit)
}

func (f Figure) yardstick() string {
	if f.Yardstick == nil {
		return ""
	}
	return f.Yardstick.Figure + ": " + withUnit(f.Yardstick.Median, f.Unit)
}

func (f Figure) ratio() string {
	if f.Ratio == nil {
		return ""
	}
	return f.Ratio.text("")
}

// text is the median with the spread, where there is one.
func (s Spread) text(unit string) string {
	if s.Least == s.Most {
		return withUnit(s.Median, unit)
	}
	return withUnit(s.Median, unit) + " (" + number(s.Least) + "–" + number(s.Most) + ")"
}

func (f Figure) target() string {
	if f.Target == nil {
		return ""
	}
	text := f.Target.bound(f.Unit)
	if f.Target.Of == "ratio" {
		text = f.Target.bound("") + " ×"
	}
	if f.Target.OK == nil && f.Value != nil {
		return "(" + text + ")"
	}
	return text
}

func (t Target) bound(unit string) string {
	if t.AtMost != nil {
		return "≤ " + withUnit(*t.AtMost, unit)
	}
	return "≥ " + withUnit(*t.AtLeast, unit)
}

func (f Figure) verdict() string {
	switch {
	case f.Target == nil || f.Target.OK == nil:
		return ""
	case *f.Target.OK:
		return "ok"
	}
	return "missed"
}
