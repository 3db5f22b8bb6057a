// Readers of YAML that Kubernetes tools are made of: sigs.k8s.io/yaml (kubectl, the API server's clients) and kyaml
// (kustomize). In: a JSON list of documents. Out: for each, the JSON that each reader makes of it, and the JSON of what
// kustomize writes after it has read it; an error's text begins with "error: ".
package main

import (
	"encoding/json"
	"os"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"
)

func told(content []byte, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return string(content)
}

func kustomized(document string) (string, string) {
	node, err := kyaml.Parse(document)
	if err != nil {
		return told(nil, err), told(nil, err)
	}
	content, err := node.MarshalJSON()
	written, writeErr := node.String()
	if writeErr != nil {
		return told(content, err), told(nil, writeErr)
	}
	again, againErr := yaml.YAMLToJSON([]byte(written))
	return told(content, err), told(again, againErr)
}

func main() {
	var documents []string
	if err := json.NewDecoder(os.Stdin).Decode(&documents); err != nil {
		panic(err)
	}
	out := make([][]string, len(documents))
	for place, document := range documents {
		content, err := yaml.YAMLToJSON([]byte(document))
		read, rewritten := kustomized(document)
		out[place] = []string{told(content, err), read, rewritten}
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}
