package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const repository = "../.."

func schemaAt(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// document reads YAML as an editor does, into what JSON has.
func document(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	v, err = jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whatever the pages and the shipped files tell an operator to write is good in an editor as well.
func TestTheSchemasAcceptEveryDocumentOfThePages(t *testing.T) {
	tenant, either := schemaAt(t, repository+"/api/tenant.schema.json"), schemaAt(t, repository+"/api/config.schema.json")
	fence := regexp.MustCompile("(?ms)^```yaml[^\n]*\n(.*?)^```")
	tenants := 0
	check := func(name, text string) {
		v := document(t, text)
		if m, ok := v.(map[string]any); ok && m["id"] != nil {
			tenants++
		}
		v = whole(v)
		if err := either.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if m, ok := v.(map[string]any); ok && m["id"] != nil {
			if err := tenant.Validate(v); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	pages, err := filepath.Glob(repository + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, repository+"/README.md") {
		for _, block := range fence.FindAllStringSubmatch(read(t, page), -1) {
			check(page, block[1])
		}
	}
	for _, file := range []string{"deploy/tenants/acme.yaml", "internal/config/starter/tenants/acme.yaml", "deploy/portcullis.yaml", "internal/config/starter/portcullis.yaml"} {
		check(file, read(t, filepath.Join(repository, file)))
	}
	if tenants < 17 {
		t.Errorf("found %d files of tenants, want 17: are the blocks marked as YAML?", tenants)
	}
}

// whole makes a tenant's file of a part of one, which a page may show where the rest says nothing.
func whole(v any) any {
	m, ok := v.(map[string]any)
	if !ok || m["id"] != nil || m["listen"] != nil || m["channels"] == nil && m["rules"] == nil && m["webhooks"] == nil {
		return v
	}
	m["id"], m["certificates"] = "acme", map[string]any{"authorities_file": "acme-ca.pem"}
	return m
}

// An editor that reads the line at the top of a shipped file finds a schema there.
func TestTheShippedFilesNameTheirSchema(t *testing.T) {
	for file, want := range map[string]string{"deploy/tenants/acme.yaml": "api/tenant.schema.json", "deploy/portcullis.yaml": "api/config.schema.json"} {
		path := filepath.Join(repository, file)
		line, _, _ := strings.Cut(read(t, path), "\n")
		at, ok := strings.CutPrefix(line, "# yaml-language-server: $schema=")
		if got := filepath.Join(filepath.Dir(path), at); !ok || got != filepath.Join(repository, want) {
			t.Errorf("%s names %q, want %s", file, line, want)
		}
	}
}

func TestTheSchemaRefusesWhatTheLoaderRefuses(t *testing.T) {
	tenant := schemaAt(t, repository+"/api/tenant.schema.json")
	const begin = "id: acme\nissuers: [{issuer: i, audience: a, jwks_file: k}]\n"
	if err := tenant.Validate(document(t, begin+"rules: [{name: r, allow: [echo], channels: [\"lab:*\"]}]\n")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no id":                           "issuers: [{issuer: i, audience: a, jwks_file: k}]\n",
		"an id with capitals":             strings.Replace(begin, "acme", "Acme", 1),
		"nobody who may come in":          "id: acme\n",
		"an unknown key":                  begin + "rule: []\n",
		"a rule without a name":           begin + "rules: [{allow: [echo], channels: [a]}]\n",
		"a rule that does nothing":        begin + "rules: [{name: r, channels: [a]}]\n",
		"a rule that allows and denies":   begin + "rules: [{name: r, allow: [echo], deny: [echo], channels: [a]}]\n",
		"an unknown action":               begin + "rules: [{name: r, allow: [write], channels: [a]}]\n",
		"a rule without channels":         begin + "rules: [{name: r, allow: [echo]}]\n",
		"manage on channels":              begin + "rules: [{name: r, allow: [manage], channels: [a]}]\n",
		"manage among others":             begin + "rules: [{name: r, allow: [manage, echo]}]\n",
		"a star inside a segment":         begin + "rules: [{name: r, allow: [echo], channels: [\"room*\"]}]\n",
		"** before the end":               begin + "rules: [{name: r, allow: [echo], channels: [\"**:a\"]}]\n",
		"an unknown template":             begin + "rules: [{name: r, allow: [echo], channels: [\"a:{role}\"]}]\n",
		"for that asks for nothing":       begin + "rules: [{name: r, allow: [echo], channels: [a], for: {}}]\n",
		"roles that are a text":           begin + "rules: [{name: r, allow: [echo], channels: [a], for: {roles: member}}]\n",
		"a test that asks nothing":        begin + "tests: [{as: {user: a}}]\n",
		"a test of nobody":                begin + "tests: [{as: {}, allow: [\"echo a\"]}]\n",
		"a test without a channel":        begin + "tests: [{as: {user: a}, allow: [publish]}]\n",
		"a test of manage on a channel":   begin + "tests: [{as: {user: a}, allow: [\"manage a\"]}]\n",
		"a candidate that is no mapping":  begin + "candidate: []\n",
		"an empty list of settings":       begin + "channels: []\n",
		"a setting of no channel":         begin + "channels: [{history: {messages: 1}}]\n",
		"presence of no members":          begin + "channels: [{match: a, presence: true, presence_members: 0}]\n",
		"presence of too many members":    begin + "channels: [{match: a, presence: true, presence_members: 1001}]\n",
		"a setting that sets nothing":     begin + "channels: [{match: a}]\n",
		"a setting with a template":       begin + "channels: [{match: \"a:{user}\", history: {messages: 1}}]\n",
		"history of no messages":          begin + "channels: [{match: a, history: {messages: 0}}]\n",
		"history without messages":        begin + "channels: [{match: a, history: {ttl: 1h}}]\n",
		"history of too many messages":    begin + "channels: [{match: a, history: {messages: 10001}}]\n",
		"a limit that is a size in words": begin + "limits: {message_size: large}\n",
	} {
		t.Run(name, func(t *testing.T) {
			if tenant.Validate(document(t, text)) == nil {
				t.Errorf("it is accepted:\n%s", text)
			}
		})
	}
}
