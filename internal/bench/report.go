package bench

import "time"

// Report is what a run has found.
type Report struct {
	Version   string    `json:"version"`
	Machine   Machine   `json:"machine"`
	Began     time.Time `json:"began"`
	Seconds   float64   `json:"seconds"`
	Quick     bool      `json:"quick"` // the figures are rough
	Completed bool      `json:"completed"`
	Figures   []Figure  `json:"figures"`
}

// Machine is where the figures are from.
type Machine struct {
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	CPUs        int    `json:"cpus"`
	Go          string `json:"go"`
	Postgres    string `json:"postgres"`
	OwnDatabase bool   `json:"own_database"` // or a server that was given
}

// Spread is the median over the rounds, and the least and the most among them.
type Spread struct {
	Median float64   `json:"median"`
	Least  float64   `json:"least"`
	Most   float64   `json:"most"`
	Rounds []float64 `json:"rounds"`
}

// Figure is what one line of the report says.
type Figure struct {
	Measure string `json:"measure"`
	Figure  string `json:"figure"`
	Unit    string `json:"unit"`
	// Value is missing where it could not be measured; Note says why.
	Value     *Spread    `json:"value"`
	Yardstick *Yardstick `json:"yardstick,omitempty"`
	// Ratio is the median of the rounds' own ratios, not that of the medians: a
	// machine that slows down slows both.
	Ratio  *Spread `json:"ratio,omitempty"`
	Target *Target `json:"target,omitempty"`
	Note   string  `json:"note,omitempty"`
}

// Yardstick is what a figure is held against.
type Yardstick struct {
	Figure string `json:"figure"`
	Spread
}

// Target is what a figure, or its ratio, should reach.
type Target struct {
	Of      string   `json:"of"` // ratio or value
	AtLeast *float64 `json:"at_least,omitempty"`
	AtMost  *float64 `json:"at_most,omitempty"`
	// OK is missing where the target is not judged: it is for another machine, or
	// nothing was measured.
	OK *bool `json:"ok,omitempty"`
}
