package node_test

import (
	"slices"
	"testing"

	"portcullis/internal/contract"
)

// A path that is added to the gateway is added to api/openapi.yaml, and one that is taken away is taken out.
func TestTheContractAndTheGatewayHaveTheSamePaths(t *testing.T) {
	d, err := contract.New()
	if err != nil {
		t.Fatal(err)
	}
	told := d.Operations()
	var there []string
	start(t).Walk(func(method, path string) { there = append(there, method+" "+path) })
	for _, o := range told {
		if !slices.Contains(there, o) {
			t.Errorf("%s is in api/openapi.yaml, and the gateway does not answer it", o)
		}
	}
	for _, o := range there {
		if !slices.Contains(told, o) {
			t.Errorf("the gateway answers %s, which is not in api/openapi.yaml: tell it there", o)
		}
	}
}
