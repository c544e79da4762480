package devpg

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSweep(t *testing.T) {
	t.Parallel()
	account, err := chooseAccount()
	if err != nil {
		t.Fatal(err)
	}
	base := open(t)
	for _, test := range []struct {
		name    string
		change  func(t *testing.T, f *folder)
		removed bool
	}{
		{name: "its owner died", change: func(t *testing.T, f *folder) { release(t, f); age(t, f) }, removed: true},
		{name: "its owner lives", change: func(t *testing.T, f *folder) { age(t, f) }},
		{name: "it is new", change: func(t *testing.T, f *folder) { release(t, f) }},
		{name: "it has no lock", change: func(t *testing.T, f *folder) {
			release(t, f)
			if err := os.Remove(filepath.Join(f.path, lockName)); err != nil {
				t.Fatal(err)
			}
			age(t, f)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f, err := makeFolder(filepath.Join(base, test.name), account)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.remove() })
			test.change(t, &f)
			if sweepOne(f.path, account) != test.removed {
				t.Errorf("it says removed: %t", !test.removed)
			}
			if _, err := os.Stat(f.path); os.IsNotExist(err) != test.removed {
				t.Errorf("stat says: %v", err)
			}
		})
	}
}

func TestSweepLeavesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	f, ours := abandoned(t)
	if sweepOne(f.path, account{uid: ours.uid + 1}) {
		t.Error("it removed another user's folder")
	}
}

func TestSweepFollowsNoLink(t *testing.T) {
	t.Parallel()
	f, account := abandoned(t)
	link := filepath.Join(open(t), "link")
	if err := os.Symlink(f.path, link); err != nil {
		t.Fatal(err)
	}
	if sweepOne(link, account) {
		t.Error("it followed a link")
	}
}

func abandoned(t *testing.T) (folder, account) {
	t.Helper()
	account, err := chooseAccount()
	if err != nil {
		t.Fatal(err)
	}
	f, err := makeFolder(filepath.Join(open(t), "pg"), account)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.remove() })
	release(t, &f)
	age(t, &f)
	return f, account
}

func release(t *testing.T, f *folder) {
	t.Helper()
	if err := f.lock.Close(); err != nil {
		t.Fatal(err)
	}
	f.lock = nil
}

func age(t *testing.T, f *folder) {
	t.Helper()
	past := time.Now().Add(-2 * abandonedAfter)
	if err := os.Chtimes(f.path, past, past); err != nil {
		t.Fatal(err)
	}
}
