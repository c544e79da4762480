package demo

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func aPicture() picture {
	p := picture{
		elapsed: 12 * time.Second, selling: 20 * time.Second, whole: 30 * time.Second,
		unfinished: unfinished{inFlight: 12, waiting: []int{1, 31, 20, 12, 5, 0}},
		attempts:   812, acknowledged: 297, perSecond: 41.4,
	}
	p.orders[committed], p.orders[rolledBack], p.orders[unknown] = 382, 95, 2
	p.merchants = []merchantLine{
		{temper: tempers()[0], committed: 160, merchantCount: merchantCount{attempts: 161, acknowledged: 160}},
		{temper: tempers()[5], committed: 20, merchantCount: merchantCount{attempts: 55}},
	}
	return p
}

func TestFrame(t *testing.T) {
	t.Parallel()
	want := `orderbell demo   00:12 of 00:30   the shop is open

orders             382 committed         95 rolled back     2 of unknown fate
notifications      297 acknowledged      12 in flight       1 due now or first
attempts           812                   41 per second

waiting on rung    1 (1s)   2 (2s)   3 (3s)   4 (5s)   5 (8s)
                       31       20       12        5        0

merchant                                         committed acknowledged  attempts
demo-prompt     answers success at once                160          160       161
demo-silent     never answers                           20            0        55`
	if diff := cmp.Diff(strings.Split(want, "\n"), frame(aPicture())); diff != "" {
		t.Error(diff)
	}
}

// The other scenes have a line each, below; alone they have the whole picture.
func TestFrameOfScenes(t *testing.T) {
	t.Parallel()
	p := aPicture()
	p.scenes = []string{"push  one", "close  two"}
	if got := frame(p); !slices.Equal(got[len(got)-3:], []string{"", "push  one", "close  two"}) || len(got) > 23 {
		t.Errorf("%d lines:\n%s", len(got), strings.Join(got, "\n"))
	}
	p.merchants = nil
	if got := frame(p); !slices.Equal(got[1:], []string{"", "push  one", "close  two"}) {
		t.Errorf("alone:\n%s", strings.Join(got, "\n"))
	}
	var said bytes.Buffer
	tell(&said, p)
	if want := "00:12 of 00:30: the shop is open\n  push  one\n  close  two\n"; said.String() != want {
		t.Errorf("it says\n%s", said.String())
	}
}

func TestFrameBeforeAnythingIsKnown(t *testing.T) {
	t.Parallel()
	if lines := frame(picture{}); len(lines) == 0 {
		t.Error("nothing to see")
	}
}

func TestTell(t *testing.T) {
	t.Parallel()
	var line bytes.Buffer
	tell(&line, aPicture())
	want := "00:12 of 00:30: 382 orders committed, 95 rolled back, 2 of unknown fate; 297 acknowledged, 12 in flight, 69 waiting; 812 attempts, 41 per second\n"
	if diff := cmp.Diff(want, line.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTellOfOne(t *testing.T) {
	t.Parallel()
	p := picture{attempts: 1, merchants: make([]merchantLine, 1)}
	p.orders[committed] = 1
	var line bytes.Buffer
	tell(&line, p)
	if want := ": 1 order committed, 0 rolled back; 0 acknowledged, 0 in flight, 0 waiting; 1 attempt, 0 per second\n"; !strings.HasSuffix(line.String(), want) {
		t.Errorf("it says %s", line.String())
	}
}

func TestDoing(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]picture{
		"the shop is open":                   {elapsed: 1, selling: 2, whole: 3},
		"the shop has closed, ladders climb": {elapsed: 2, selling: 2, whole: 3},
		"stopping":                           {elapsed: 1, selling: 2, whole: 3, stopping: true},
	} {
		if got := p.doing(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	r := rate{samples: []sample{{}}}
	for i := range 40 {
		at := time.Duration(i+1) * 250 * time.Millisecond
		if got := r.of(at, 10*(i+1)); got != 40 {
			t.Fatalf("after %s: %v per second", at, got)
		}
	}
	if len(r.samples) > 10 {
		t.Errorf("%d samples are kept", len(r.samples))
	}
	if got := r.of(20*time.Second, 400); got != 0 {
		t.Errorf("%v per second when nothing comes", got)
	}
}

// paper is a terminal that understands what the screen says to it.
type paper struct {
	lines  []string
	row    int
	hidden bool
}

func (p *paper) Write(text []byte) (int, error) {
	rest := string(text)
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, hideCursor):
			p.hidden, rest = true, rest[len(hideCursor):]
		case strings.HasPrefix(rest, showCursor):
			p.hidden, rest = false, rest[len(showCursor):]
		case strings.HasPrefix(rest, clearBelow):
			p.lines, rest = p.lines[:p.row], rest[len(clearBelow):]
		case strings.HasPrefix(rest, "\x1b["):
			number, after, _ := strings.Cut(rest[2:], "A")
			p.row -= atoi(number)
			rest = after
		case strings.HasPrefix(rest, "\r"):
			rest = rest[1:]
		default:
			line, after, _ := strings.Cut(rest, "\n")
			p.lines, p.row, rest = append(p.lines[:p.row], line), p.row+1, after
		}
	}
	return len(text), nil
}

func atoi(s string) int {
	n := 0
	for _, digit := range s {
		n = 10*n + int(digit-'0')
	}
	return n
}

func TestScreenRedrawsInPlace(t *testing.T) {
	t.Parallel()
	paper := &paper{}
	s := &screen{out: paper, size: func() (int, int) { return 10, 4 }}
	shows := func(hidden bool, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, paper.lines); diff != "" {
			t.Error(diff)
		}
		if paper.hidden != hidden {
			t.Errorf("the cursor is hidden: %t", paper.hidden)
		}
	}
	say(s, "before\n")
	shows(false, "before")
	s.draw([]string{"one", "two"})
	shows(true, "before", "one", "two")
	s.draw([]string{"ONE"})
	shows(true, "before", "ONE")
	say(s, "an error\n")
	shows(true, "before", "an error", "ONE")
	s.draw([]string{"äöüäöüäöüäöü", "2", "3", "4"}) // too wide, and one too many
	shows(true, "before", "an error", "äöüäöüäöü", "2", "3")
	s.close()
	s.close()
	s.draw([]string{"too late"})
	say(s, "after\n")
	shows(false, "before", "an error", "äöüäöüäöü", "2", "3", "after")
}

func TestNoScreenWithoutATerminal(t *testing.T) {
	t.Parallel()
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var said bytes.Buffer
	for _, o := range []Options{{Out: file, Err: &said}, {Out: &bytes.Buffer{}, Err: &said}} {
		s, to := openScreen(o)
		if s != nil || to != &said {
			t.Error("a screen was opened")
		}
		s.close() // harmless
	}
}
