package readme_test

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/orderbell/orderbell/internal/config"
)

// composition is what docker-compose.yml uses of the Compose specification. It is
// read strictly: a key that is not here is an error, and belongs here once it has
// been looked up there.
type composition struct {
	Name     string              `yaml:"name"`
	Program  service             `yaml:"x-orderbell"`
	Database map[string]string   `yaml:"x-database"`
	Services map[string]service  `yaml:"services"`
	Volumes  map[string]struct{} `yaml:"volumes"`
}

type service struct {
	Image string `yaml:"image"`
	Build struct {
		Context    string `yaml:"context"`
		Dockerfile string `yaml:"dockerfile"`
	} `yaml:"build"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Volumes     []string          `yaml:"volumes"`
	DependsOn   map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Healthcheck struct {
		Test     []string `yaml:"test"`
		Interval string   `yaml:"interval"`
		Timeout  string   `yaml:"timeout"`
		Retries  int      `yaml:"retries"`
	} `yaml:"healthcheck"`
	Restart         string `yaml:"restart"`
	StopGracePeriod string `yaml:"stop_grace_period"`
	NetworkMode     string `yaml:"network_mode"`
}

func readComposition(t testing.TB) composition {
	t.Helper()
	var c composition
	if err := yaml.UnmarshalWithOptions([]byte(read(t, "docker-compose.yml")), &c, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCompositionHoldsTogether(t *testing.T) {
	t.Parallel()
	c := readComposition(t)
	conditions := []string{"service_started", "service_healthy", "service_completed_successfully"}
	for name, s := range c.Services {
		for needed, how := range s.DependsOn {
			other, ok := c.Services[needed]
			if !ok || !slices.Contains(conditions, how.Condition) {
				t.Errorf("%s depends on %s, %s", name, needed, how.Condition)
			}
			if how.Condition == "service_healthy" && len(other.Healthcheck.Test) == 0 {
				t.Errorf("%s waits for the health of %s, which has no check", name, needed)
			}
		}
		if host, ok := strings.CutPrefix(s.NetworkMode, "service:"); s.NetworkMode != "" {
			if _, depends := s.DependsOn[host]; !ok || !depends {
				t.Errorf("%s is in the network of %q, and does not depend on it", name, s.NetworkMode)
			}
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if _, ok := c.Volumes[source]; !ok {
				t.Errorf("%s uses the volume %s, which is not declared", name, source)
			}
		}
		if s.Image != c.Program.Image {
			continue
		}
		if _, err := os.Stat(root + "/" + s.Build.Context + "/" + s.Build.Dockerfile); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	grace, err := time.ParseDuration(c.Services["worker"].StopGracePeriod)
	if err != nil || grace <= config.Default().Worker.ShutdownTimeout {
		t.Errorf("the worker is killed after %s (%v), before its shutdown timeout is over", grace, err)
	}
}

// Every variable that the program gets is a configuration key with a good value.
func TestCompositionConfigures(t *testing.T) {
	t.Parallel()
	c := readComposition(t)
	for name, s := range c.Services {
		if s.Image != c.Program.Image {
			continue
		}
		var environ []string
		for key, value := range s.Environment {
			if !strings.HasPrefix(key, "ORDERBELL_") {
				t.Errorf("%s: %s configures nothing", name, key)
			}
			environ = append(environ, key+"="+value)
		}
		got, warnings, err := config.Load("", environ)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v, warnings %v", name, err, warnings)
			continue
		}
		if err := got.RequireDatabase(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	worker, shop := c.Services["worker"], c.Services["shop"]
	if shop.NetworkMode != "service:worker" || worker.Environment["ORDERBELL_NETWORK_ALLOW"] != "127.0.0.0/8" {
		t.Error("the worker cannot reach the shop's merchants")
	}
}

// The program's URL is the very database that the image makes.
func TestCompositionDatabase(t *testing.T) {
	t.Parallel()
	c := readComposition(t)
	postgres := c.Services["postgres"]
	u, err := url.Parse(c.Database["ORDERBELL_DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	got := []string{u.Hostname(), u.User.Username(), password, strings.TrimPrefix(u.Path, "/")}
	want := []string{
		"postgres", postgres.Environment["POSTGRES_USER"], postgres.Environment["POSTGRES_PASSWORD"], postgres.Environment["POSTGRES_DB"],
	}
	if !slices.Equal(got, want) {
		t.Errorf("the program connects as %q, the database is %q", got, want)
	}
}

func commandsOfTheComposition(t *testing.T, p *program) {
	t.Helper()
	c := readComposition(t)
	for name, s := range c.Services {
		if s.Image != c.Program.Image {
			continue
		}
		if len(s.Command) == 0 {
			t.Errorf("%s runs no command", name)
			continue
		}
		p.knows(t, slices.Clone(s.Command))
	}
}
