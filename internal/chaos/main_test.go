package chaos_test

import (
	"testing"

	"github.com/orderbell/orderbell/internal/chaos"
)

func TestMain(m *testing.M) { chaos.Main(m) }
