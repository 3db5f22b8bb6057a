// Answers: what the jq of Argo Events makes of an event.
//
// In:  lines of JSON, {"program": "...", "event": {...}}.
// Out: for each line {"passes": bool} or {"error": "..."}.
//
// Not here: programs and events. As applyJQTransform of pkg/sensors/dependencies/transform.go, release 1.9.11: the
// event is decoded with Go's numbers (64-bit floats), the first output counts and has to be an object.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"github.com/itchyny/gojq"
)

type asked struct {
	Program string          `json:"program"`
	Event   json.RawMessage `json:"event"`
}

func answer(question asked, queries map[string]*gojq.Query) map[string]any {
	query := queries[question.Program]
	if query == nil {
		parsed, err := gojq.Parse(question.Program)
		if err != nil {
			return map[string]any{"error": err.Error()}
		}
		query = parsed
		queries[question.Program] = query
	}
	var event map[string]any
	if err := json.Unmarshal(question.Event, &event); err != nil {
		return map[string]any{"error": err.Error()}
	}
	value, ok := query.Run(event).Next()
	if !ok {
		return map[string]any{"error": "no output"}
	}
	if err, failed := value.(error); failed {
		return map[string]any{"error": err.Error()}
	}
	object, ok := value.(map[string]any)
	if !ok {
		return map[string]any{"error": "no object"}
	}
	return map[string]any{"passes": object["passes"]}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	queries := map[string]*gojq.Query{}
	for lines.Scan() {
		var question asked
		if err := json.Unmarshal(lines.Bytes(), &question); err != nil {
			panic(err)
		}
		if err := encoder.Encode(answer(question, queries)); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}
