package demo

import (
	"errors"
	"testing"
)

func TestBelievable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		width, height         int
		err                   error
		wantWidth, wantHeight int
	}{
		{120, 40, nil, 120, 40},
		{20, 6, nil, 20, 6},
		{0, 0, nil, 80, 24},
		{1, 1, nil, 80, 24},
		{19, 40, nil, 80, 24},
		{120, 5, nil, 80, 24},
		{120, 40, errors.New("no terminal"), 80, 24},
	} {
		width, height := believable(test.width, test.height, test.err)
		if width != test.wantWidth || height != test.wantHeight {
			t.Errorf("%d by %d (%v) became %d by %d", test.width, test.height, test.err, width, height)
		}
	}
}
