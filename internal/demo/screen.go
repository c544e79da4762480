package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// What a terminal is told. The cursor rests below the block of lines.
const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	clearBelow = "\x1b[J"
)

// screen redraws a block of lines in place, and writes other lines above it.
type screen struct {
	out  io.Writer
	size func() (width, height int)

	mu    sync.Mutex
	block []string // what is drawn
	shown bool     // the cursor is hidden
	over  bool
}

// openScreen returns a screen where Out is a terminal, else nil, and where
// everything goes that Err is for: above the block if both are terminals.
func openScreen(o Options) (*screen, io.Writer) {
	out, ok := terminal(o.Out)
	if o.JSON || !ok || os.Getenv("TERM") == "dumb" {
		return nil, o.Err
	}
	s := &screen{out: out, size: func() (int, int) { return believable(term.GetSize(int(out.Fd()))) }}
	if _, ok := terminal(o.Err); ok {
		return s, s
	}
	return s, o.Err
}

// inTurn lets the worker's log and the demo write to the same place.
type inTurn struct {
	mu sync.Mutex
	to io.Writer
}

func (w *inTurn) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.to.Write(text)
	if err != nil {
		return n, fmt.Errorf("write what the demo says: %w", err)
	}
	return n, nil
}

func terminal(w io.Writer) (*os.File, bool) {
	file, ok := w.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// believable takes a size that nobody can read in for one that was never set, as
// 0 by 0 is in a terminal that a program has made.
func believable(width, height int, err error) (int, int) {
	const leastWidth, leastHeight = 20, 6
	if err != nil || width < leastWidth || height < leastHeight {
		return 80, 24
	}
	return width, height
}

// draw replaces the block.
func (s *screen) draw(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	text := s.back()
	if !s.shown {
		text, s.shown = hideCursor+text, true
	}
	s.block = s.fit(lines)
	s.put(text + s.text())
}

// Write puts text above the block. It must end with a newline.
func (s *screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(s.back() + string(text) + s.text())
	return len(text), nil
}

// close leaves the block where it is and gives the cursor back. Closing twice, or
// a nil screen, is harmless.
func (s *screen) close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown {
		s.put(showCursor)
	}
	s.block, s.shown, s.over = nil, false, true
}

// back moves to the block's first line and clears from there.
func (s *screen) back() string {
	if len(s.block) == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r%s", len(s.block), clearBelow)
}

func (s *screen) text() string {
	if len(s.block) == 0 {
		return ""
	}
	return strings.Join(s.block, "\n") + "\n"
}

// fit cuts lines that would wrap, and those for which there is no room: a block
// that scrolls cannot be drawn over.
func (s *screen) fit(lines []string) []string {
	width, height := s.size()
	fitting := make([]string, 0, len(lines))
	for _, line := range lines[:min(len(lines), max(height-1, 1))] {
		runes := []rune(line)
		fitting = append(fitting, string(runes[:min(len(runes), max(width-1, 1))]))
	}
	return fitting
}

// put writes in one piece. A terminal that is gone takes nothing, and the demo
// goes on.
func (s *screen) put(text string) { _, _ = io.WriteString(s.out, text) }
