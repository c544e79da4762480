package bench

import "testing"

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"postgres://u:p@db:5432/shop?sslmode=disable":  "postgres://u:p@db:5432/b?sslmode=disable",
		"postgresql://u@db":                            "postgresql://u@db/b",
		"postgres://u@db/?dbname=shop&database=other":  "postgres://u@db/b",
		"postgres://u:p%40ss@db/a%2Fb?sslmode=require": "postgres://u:p%40ss@db/b?sslmode=require",
		"host=db user=u dbname=shop":                   "host=db user=u dbname=shop dbname=b",
	} {
		got, err := withDatabase(address, "b")
		if err != nil || got != want {
			t.Errorf("%s becomes %s, %v; want %s", address, got, err, want)
		}
	}
	if _, err := withDatabase("postgres://u:secretword@db:port/shop", "b"); err == nil || err.Error() != "read the database URL: it is malformed" {
		t.Errorf("a malformed URL: %v", err)
	}
}

func TestWithoutOrderbell(t *testing.T) {
	t.Parallel()
	got := withoutOrderbell([]string{"PATH=/bin", "ORDERBELL_DATABASE_URL=postgres://production", "BE_ORDERBELL=1"})
	if len(got) != 2 || got[0] != "PATH=/bin" || got[1] != "BE_ORDERBELL=1" {
		t.Errorf("the environment is %v", got)
	}
}
