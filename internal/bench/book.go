package bench

import (
	"fmt"
	"io"
	"time"
)

// book holds the figures of one measure, and tells each as it comes.
type book struct {
	measure string
	units   map[string]string
	began   time.Time
	to      io.Writer
	figures map[string][]float64 // one a round
	notes   map[string]string
}

func newBook(m measure, began time.Time, to io.Writer) *book {
	b := &book{
		measure: m.name(), began: began, to: to,
		units: map[string]string{}, figures: map[string][]float64{}, notes: map[string]string{},
	}
	for _, l := range m.lines() {
		b.units[l.figure], b.units[l.yardstick] = l.unit, l.unit
	}
	return b
}

// add writes down one round's figure.
func (b *book) add(figure string, value float64) {
	b.figures[figure] = append(b.figures[figure], value)
	b.say("%s: %s", figure, withUnit(value, b.units[figure]))
}

// note explains a figure, such as why there is none.
func (b *book) note(figure, text string) { b.notes[figure] = text }

// say tells what is done now.
func (b *book) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.to, "%5.1fs  %-11s  %s\n", time.Since(b.began).Seconds(), b.measure, fmt.Sprintf(format, args...))
}
