package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var oneKey, otherKey = strings.Repeat("AB3D", 10) + "AB4=", strings.Repeat("Qx7/", 10) + "AB4="

// Master keys come from one of two keys, and none is ever shown.
func TestMasterKeys(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "master")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, test := range map[string]struct {
		environ []string
		keys    int
		wrong   string
	}{
		"none":           {nil, 0, ""},
		"one":            {[]string{"ORDERBELL_SECRETS_MASTER_KEY=" + oneKey}, 1, ""},
		"two":            {[]string{"ORDERBELL_SECRETS_MASTER_KEY=" + oneKey + "," + otherKey}, 2, ""},
		"in a file":      {[]string{"ORDERBELL_SECRETS_MASTER_KEY_FILE=" + file(oneKey+"\n"+otherKey+"\n")}, 2, ""},
		"an empty file":  {[]string{"ORDERBELL_SECRETS_MASTER_KEY_FILE=" + file("")}, 0, "holds no list of master keys"},
		"no such file":   {[]string{"ORDERBELL_SECRETS_MASTER_KEY_FILE=/no/such/file"}, 0, "cannot be read: no such file or directory"},
		"too short":      {[]string{"ORDERBELL_SECRETS_MASTER_KEY=" + oneKey[:20]}, 0, "is no list of master keys"},
		"twice the same": {[]string{"ORDERBELL_SECRETS_MASTER_KEY=" + oneKey + "," + oneKey}, 0, "are the same"},
		"both": {
			[]string{"ORDERBELL_SECRETS_MASTER_KEY=" + oneKey, "ORDERBELL_SECRETS_MASTER_KEY_FILE=" + file(otherKey)},
			0,
			"secrets.master_key_file: is set, and so is secrets.master_key",
		},
	} {
		c, _, err := Load("", test.environ)
		said := fmt.Sprint(err)
		if (err != nil) != (test.wrong != "") || !strings.Contains(said, test.wrong) {
			t.Errorf("%s: %v, wanted %q", name, err, test.wrong)
			continue
		}
		if err == nil {
			said = fmt.Sprintf("%v %+v", c, c.Secrets.Keyring)
			if n := len(c.Secrets.Keyring.IDs()); n != test.keys {
				t.Errorf("%s: %d keys, wanted %d", name, n, test.keys)
			}
		}
		if strings.Contains(said, oneKey[:20]) || strings.Contains(said, otherKey[:20]) {
			t.Errorf("%s: a key is shown: %s", name, said)
		}
	}
}
