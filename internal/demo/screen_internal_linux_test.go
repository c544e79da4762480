package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// A terminal whose size nobody has set says that it is 0 by 0.
func TestScreenOnATerminalWithoutASize(t *testing.T) {
	t.Setenv("TERM", "xterm")
	near, far := pseudoTerminal(t)
	s, _ := openScreen(Options{Out: near, Err: io.Discard})
	if s == nil {
		t.Fatal("no screen was opened")
	}
	lines := frame(aPicture())
	s.draw(lines)
	s.close()
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	shown, err := io.ReadAll(far)
	if err != nil && !errors.Is(err, syscall.EIO) { // which says that nobody writes any more
		t.Fatal(err)
	}
	for _, line := range lines {
		line = line[:min(len(line), 79)]
		if !strings.Contains(string(shown), line+"\r\n") {
			t.Errorf("the terminal does not show %q:\n%s", line, shown)
		}
	}
}

// pseudoTerminal returns the end that is a terminal, and the end that sees what
// it shows.
func pseudoTerminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	var unlocked, number int32
	ask := func(request uintptr, value *int32) {
		if _, _, failed := syscall.Syscall(syscall.SYS_IOCTL, far.Fd(), request, uintptr(unsafe.Pointer(value))); failed != 0 {
			t.Fatal(failed)
		}
	}
	ask(syscall.TIOCSPTLCK, &unlocked)
	ask(syscall.TIOCGPTN, &number)
	near, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close() })
	return near, far
}
