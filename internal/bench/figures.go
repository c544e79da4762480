package bench

import "slices"

// spread sums rounds up; nil of none.
func spread(rounds []float64) *Spread {
	if len(rounds) == 0 {
		return nil
	}
	return &Spread{Median: median(rounds), Least: slices.Min(rounds), Most: slices.Max(rounds), Rounds: rounds}
}

// report makes the lines of a measure, from what its book holds; none where that
// is nothing. Rough figures are not judged.
func (b *book) report(lines []line, rough bool) []Figure {
	if len(b.figures) == 0 {
		return nil
	}
	figures := make([]Figure, len(lines))
	for i, l := range lines {
		f := Figure{Measure: b.measure, Figure: l.figure, Unit: l.unit, Value: spread(b.figures[l.figure]), Note: b.notes[l.figure]}
		if yardstick := spread(b.figures[l.yardstick]); yardstick != nil {
			f.Yardstick = &Yardstick{Figure: l.yardstick, Spread: *yardstick}
			f.Ratio = spread(ratios(b.figures[l.figure], b.figures[l.yardstick]))
		}
		f.Target = l.target.judge(f.Value, f.Ratio)
		if rough && f.Target != nil {
			f.Target.OK = nil
		}
		figures[i] = f
	}
	return figures
}

// judge holds a figure, or its ratio, against the target.
func (t target) judge(value, ratio *Spread) *Target {
	if t.of == nothing {
		return nil
	}
	judged := &Target{Of: "value"}
	if t.most {
		judged.AtMost = &t.bound
	} else {
		judged.AtLeast = &t.bound
	}
	of := value
	if t.of == theRatio {
		judged.Of, of = "ratio", ratio
	}
	if of != nil && t.of != theSpeed {
		ok := t.met(of.Median)
		judged.OK = &ok
	}
	return judged
}
