package config_test

import (
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"portcullis/internal/config"
)

// compose is the part of docker-compose.yml that has to fit the files that it mounts.
type compose struct {
	Services map[string]service
	Volumes  map[string]any
	Secrets  map[string]struct{ File, Environment string }
}

type service struct {
	Build           struct{ Context, Dockerfile string }
	Command         []string
	Volumes         []string
	Secrets         []string
	Ports           []string
	StopGracePeriod string `yaml:"stop_grace_period"`
}

func readCompose(t *testing.T) (c compose) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "docker-compose.yml"))
	if err == nil {
		err = yaml.Unmarshal(text, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mounted returns what of the repository is at a path in the service's containers.
func (s service) mounted(at string) (file string, ok bool) {
	for _, v := range s.Volumes {
		parts := strings.Split(v, ":")
		if rest, below := strings.CutPrefix(at, parts[1]); below && strings.HasPrefix(parts[0], "./") && (rest == "" || rest[0] == '/') {
			return filepath.Join(repository, parts[0], filepath.FromSlash(rest)), true
		}
	}
	return "", false
}

// holds reports whether there is a volume, or the folder of one, at a path.
func (s service) holds(at string) bool {
	return slices.ContainsFunc(s.Volumes, func(v string) bool {
		return strings.HasPrefix(at, strings.Split(v, ":")[1]+"/")
	})
}

// has reports whether the file at a path is one of the service's secrets.
func (s service) has(secret string) bool {
	return path.Dir(secret) == "/run/secrets" && slices.Contains(s.Secrets, path.Base(secret))
}

func TestTheComposeFileNamesWhatExists(t *testing.T) {
	c := readCompose(t)
	if len(c.Services) == 0 {
		t.Fatal("docker-compose.yml has no service")
	}
	for name, s := range c.Services {
		if b := s.Build; b.Context != "" || b.Dockerfile != "" {
			if _, err := os.Stat(filepath.Join(repository, b.Context, b.Dockerfile)); err != nil || b.Dockerfile == "" {
				t.Errorf("%s: the Dockerfile: %v", name, err)
			}
		}
		for _, v := range s.Volumes {
			parts := strings.Split(v, ":")
			if len(parts) < 2 || !strings.HasPrefix(parts[1], "/") {
				t.Errorf("%s: volume %q has no place", name, v)
				continue
			}
			if !strings.HasPrefix(parts[0], ".") {
				if _, ok := c.Volumes[parts[0]]; !ok {
					t.Errorf("%s: there is no volume %q", name, parts[0])
				}
				continue
			}
			if _, err := os.Stat(filepath.Join(repository, parts[0])); err != nil || len(parts) != 3 || parts[2] != "ro" {
				t.Errorf("%s: %q must exist and be mounted read-only: %v", name, v, err)
			}
		}
		for _, secret := range s.Secrets {
			if from, ok := c.Secrets[secret]; !ok || from.File != "" || from.Environment == "" {
				t.Errorf("%s: secret %q must come from the environment, so that it is in no file of the repository; got %+v", name, secret, from)
			}
		}
	}
}

func TestTheComposeGatewayLoadsWhatIsMounted(t *testing.T) {
	s := readCompose(t).Services["gateway"]
	at := slices.Index(s.Command, "--config") + 1
	if at == 0 || s.Command[0] != "serve" {
		t.Fatalf("the gateway's command is %q, want serve --config FILE", s.Command)
	}
	file, ok := s.mounted(s.Command[at])
	if !ok {
		t.Fatalf("%s is not mounted", s.Command[at])
	}
	c, problems := config.Load(file)
	wantProblems(t, problems)

	for _, made := range []config.File{c.Listen.TLS.CertificateFile, c.Listen.TLS.KeyFile, c.Tenants[0].Issuers[0].JWKSFile} {
		if !s.holds(string(made)) {
			t.Errorf("%s is in no volume", made)
		}
	}
	if !s.has(string(c.Admin.TokenFile)) {
		t.Errorf("admin.token_file is %s, want one of the secrets %q", c.Admin.TokenFile, s.Secrets)
	}
	if _, port, _ := net.SplitHostPort(c.Listen.Address); !slices.Contains(s.Ports, port+":"+port) {
		t.Errorf("the ports are %q, want %s", s.Ports, port)
	}
	if patience, err := time.ParseDuration(s.StopGracePeriod); err != nil || patience <= time.Duration(c.Drain.Grace) {
		t.Errorf("stop_grace_period is %q (%v), want more than the drain.grace of %v", s.StopGracePeriod, err, c.Drain.Grace)
	}
}

// What the gateway remembers has a volume that it may write to, and that its image has for its user.
func TestTheComposeGatewayRemembers(t *testing.T) {
	c, _ := config.Load(filepath.Join(repository, "deploy", "compose", "portcullis.yaml"))
	dir := string(c.Broker.StateDir)
	if gateway := readCompose(t).Services["gateway"]; dir == "" || !slices.ContainsFunc(gateway.Volumes, func(v string) bool {
		parts := strings.Split(v, ":")
		return !strings.HasPrefix(v, ".") && len(parts) == 2 && parts[1] == dir
	}) {
		t.Errorf("the folder %q is no volume of the gateway that it may write to: %q", dir, gateway.Volumes)
	}
	image, err := os.ReadFile(filepath.Join(repository, "deploy", "Dockerfile"))
	if err != nil || !strings.Contains(string(image), "--chown=65532:65532 /out/ended "+dir+"\n") {
		t.Errorf("the image has no %s of its user's own, so the gateway cannot write there: %v", dir, err)
	}
}

// What config init writes is what the configuration names, in the same volume.
func TestTheComposeGatewayFindsWhatInitMakes(t *testing.T) {
	services := readCompose(t).Services
	made := services["init"]
	if len(made.Command) != 3 || made.Command[0] != "config" || made.Command[1] != "init" {
		t.Fatalf("the command of init is %q, want config init DIR", made.Command)
	}
	dir := made.Command[2]
	state := "state:" + dir
	if !slices.Contains(made.Volumes, state) || !slices.Contains(services["gateway"].Volumes, state+":ro") {
		t.Errorf("%s is not the same volume to init and gateway", dir)
	}
	c, _ := config.Load(filepath.Join(repository, "deploy", "compose", "portcullis.yaml"))
	issuer := c.Tenants[0].Issuers[0]
	for got, want := range map[string]string{
		string(c.Listen.TLS.CertificateFile): path.Join(dir, config.StarterCertificate),
		string(c.Listen.TLS.KeyFile):         path.Join(dir, config.StarterKey),
		string(issuer.JWKSFile):              path.Join(dir, config.StarterJWKS),
		issuer.Issuer:                        config.StarterIssuer,
		issuer.Audience:                      config.StarterAudience,
	} {
		if got != want {
			t.Errorf("the configuration names %q, init makes %q", got, want)
		}
	}
	if image, err := os.ReadFile(filepath.Join(repository, "deploy", "Dockerfile")); err != nil || !strings.Contains(string(image), " "+dir+"\nUSER 65532:65532\n") {
		t.Errorf("the image has no %s of its user's own, so init cannot write there: %v", dir, err)
	}
}

// scrapes is the part of deploy/prometheus.yml that has to fit the gateway.
type scrapes struct {
	Configs []struct {
		MetricsPath   string `yaml:"metrics_path"`
		Scheme        string
		StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		Authorization struct {
			Type            string
			CredentialsFile string `yaml:"credentials_file"`
		}
		SampleLimit           int    `yaml:"sample_limit"`
		LabelValueLengthLimit int    `yaml:"label_value_length_limit"`
		BodySizeLimit         string `yaml:"body_size_limit"`
	} `yaml:"scrape_configs"`
}

func TestPrometheusAsksAGatewayThatAnswers(t *testing.T) {
	services := readCompose(t).Services
	prometheus := services["prometheus"]
	file, ok := prometheus.mounted("/etc/prometheus/prometheus.yml")
	if !ok {
		t.Fatal("prometheus has no configuration mounted")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var asks scrapes
	if err := yaml.Unmarshal(text, &asks); err != nil || len(asks.Configs) != 2 {
		t.Fatalf("%s: got %+v, %v; want two jobs", file, asks, err)
	}
	gateway, _ := config.Load(filepath.Join(repository, "deploy", "compose", "portcullis.yaml"))
	for i, want := range []struct {
		path, bytes string
		samples     int
	}{{"", "16MB", 20000}, {"/metrics/tenants", "32MB", 100000}} { // no path is /metrics
		job := asks.Configs[i]
		if len(job.StaticConfigs) != 1 {
			t.Fatalf("%s: got %+v, want one list of targets", file, job)
		}
		for _, target := range job.StaticConfigs[0].Targets {
			host, port, err := net.SplitHostPort(target)
			_, admin, _ := net.SplitHostPort(gateway.Admin.Address)
			if _, ok := services[host]; err != nil || !ok || port != admin || !slices.Contains(gateway.Admin.Names, host) {
				t.Errorf("%q must be a service, the admin listener's port %s, and one of admin.names %q", target, admin, gateway.Admin.Names)
			}
		}
		if job.Scheme != "" || job.MetricsPath != want.path {
			t.Errorf("got %s %s, want http, which is the default, and %q", job.Scheme, job.MetricsPath, want.path)
		}
		if a := job.Authorization; a.Type != "Bearer" || a.CredentialsFile != string(gateway.Admin.TokenFile) || !prometheus.has(a.CredentialsFile) {
			t.Errorf("got %+v, want the gateway's %s, which is a secret of prometheus too", a, gateway.Admin.TokenFile)
		}
		if job.SampleLimit != want.samples || job.LabelValueLengthLimit != 128 || job.BodySizeLimit != want.bytes {
			t.Errorf("got limits %d, %d, %s", job.SampleLimit, job.LabelValueLengthLimit, job.BodySizeLimit)
		}
	}
}

// Prometheus itself reads its configuration. The file of the token exists only in its container.
func TestPrometheusLoadsItsConfiguration(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is missing: CI installs it with Debian's prometheus")
		}
		t.Skip("promtool is not installed")
	}
	said, err := exec.Command(promtool, "check", "config", "--syntax-only", filepath.Join(repository, "deploy", "prometheus.yml")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}
