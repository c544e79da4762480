package bench

// line is one line of the report: a figure, beside its yardstick.
type line struct {
	figure string
	unit   string
	// yardstick is another figure of the same measure and unit, or empty.
	yardstick string
	target    target
}

// target is what a figure should reach. The zero value asks for nothing.
type target struct {
	of limited
	// bound is the least, or the most where that is set.
	bound float64
	most  bool
}

// limited is what a target bounds.
type limited int

const (
	nothing limited = iota
	// theRatio to the yardstick: the machine's speed is in both, so it is judged.
	theRatio
	// theCount is a figure that no faster machine makes better; it is judged.
	theCount
	// theSpeed is a figure that a faster machine makes better: it is for one whose
	// bare loop reaches 50,000 requests a second, and shown only.
	theSpeed
)

func ratioAtLeast(bound float64) target { return target{of: theRatio, bound: bound} }
func ratioAtMost(bound float64) target  { return target{of: theRatio, bound: bound, most: true} }
func countAtMost(bound float64) target  { return target{of: theCount, bound: bound, most: true} }
func speedAtLeast(bound float64) target { return target{of: theSpeed, bound: bound} }
func speedAtMost(bound float64) target  { return target{of: theSpeed, bound: bound, most: true} }

// met tells whether a value keeps the bound.
func (t target) met(value float64) bool {
	if t.most {
		return value <= t.bound
	}
	return value >= t.bound
}
