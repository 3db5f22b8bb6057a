// Fires: when CronWorkflows start a Workflow.
//
// In:  lines of JSON, {"schedules": [...], "timezone": "...", "when": "...", "from": <seconds>, "until": <seconds>}.
// Out: for each line {"fires": [<seconds>, ...]} or {"error": "..."}; in `restarted` the moments from which a controller
//
//	that starts there would go on with another time than one that was there all along.
//
// Not here: what is asked. As Argo Workflows v4.0.5 does it: each schedule is read by ParseStandard with the timezone in
// front (cron_workflow_types.go, withTimezone), robfig/cron tells the next time, and `when` is evaluated when it has
// come (workflow/cron/operator.go, evalWhen): expr with the functions that util/expr/env adds, of which `string` is one
// that replaces expr's own. Only the clock is another one.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
	"github.com/robfig/cron/v3"
)

type asked struct {
	Schedules []string `json:"schedules"`
	Timezone  string   `json:"timezone"`
	When      string   `json:"when"`
	From      int64    `json:"from"`
	Until     int64    `json:"until"`
	Lateness  int64    `json:"lateness"`
	Restarts  int64    `json:"restarts"`
}

type guard struct {
	program *vm.Program
	clock   *time.Time
	env     map[string]any
}

var locations = map[string]*time.Location{}

// location is expr's timezone, which reads the zone's file each time.
func location(name string) (*time.Location, error) {
	if locations[name] == nil {
		loaded, err := time.LoadLocation(name)
		if err != nil {
			return nil, err
		}
		locations[name] = loaded
	}
	return locations[name], nil
}

type names struct{ found []string }

func (n *names) Visit(node *ast.Node) {
	if identifier, ok := (*node).(*ast.IdentifierNode); ok {
		n.found = append(n.found, identifier.Value)
	}
}

func newGuard(when string) (*guard, error) {
	if when == "" {
		return nil, nil
	}
	text, found := strings.CutPrefix(when, "{{=")
	text, closed := strings.CutSuffix(text, "}}")
	if !found || !closed || strings.Contains(text, "{{") || strings.Contains(text, "}}") {
		return nil, fmt.Errorf("not one expression: %s", when)
	}
	var plain string // the text lies inside of JSON
	if err := json.Unmarshal([]byte(`"`+text+`"`), &plain); err != nil {
		return nil, err
	}
	tree, err := parser.Parse(plain)
	if err != nil {
		return nil, err
	}
	named := &names{}
	ast.Walk(&tree.Node, named)
	if len(named.found) > 0 { // util/template/expression_template.go knows no variable that the expression makes itself
		return nil, fmt.Errorf("%s is missing", named.found[0])
	}
	clock := new(time.Time)
	env := map[string]any{
		"now":      func() time.Time { return *clock },
		"timezone": location,
		"string":   func(value any) any { return fmt.Sprintf("%v", value) },
	}
	program, err := expr.Compile(plain, expr.Env(env))
	return &guard{program, clock, env}, err
}

func (g *guard) passes(now time.Time) (bool, error) {
	if g == nil {
		return true, nil
	}
	*g.clock = now
	result, err := expr.Run(g.program, g.env)
	if err != nil {
		return false, err
	}
	passes, ok := result.(bool)
	if !ok {
		return false, fmt.Errorf("not a boolean: %v", result)
	}
	return passes, nil
}

func answer(question asked) (map[string]any, error) {
	guarded, err := newGuard(question.When)
	if err != nil {
		return nil, err
	}
	until := time.Unix(question.Until, 0).UTC()
	seen := map[int64]bool{} // two schedules at one time make one Workflow: its name is the scheduled time
	restarted := []int64{}
	for _, text := range question.Schedules {
		if question.Timezone != "" {
			text = "CRON_TZ=" + question.Timezone + " " + text
		}
		schedule, err := cron.ParseStandard(text)
		if err != nil {
			return nil, err
		}
		next := func(after time.Time) (time.Time, error) {
			before := after
			for at := schedule.Next(after); !at.IsZero() && at.Before(until); at = schedule.Next(at) {
				if !at.After(before) { // the controller would start one Workflow after another until it is over
					return time.Time{}, fmt.Errorf("the time after %s is %s", before.UTC(), at.UTC())
				}
				before = at
				passes, err := guarded.passes(at.Add(time.Duration(question.Lateness)*time.Second + 20*time.Millisecond))
				if err != nil {
					return time.Time{}, err
				}
				if passes {
					return at, nil
				}
			}
			return until, nil
		}
		from := time.Unix(question.From, 0).UTC().Add(-time.Second)
		ours := []time.Time{}
		for at, err := next(from); at.Before(until); at, err = next(at) {
			if err != nil {
				return nil, err
			}
			seen[at.Unix()] = true
			ours = append(ours, at)
		}
		if question.Restarts > 0 {
			place := 0
			for at := from; at.Before(until); at = at.Add(time.Duration(question.Restarts) * time.Second) {
				for place < len(ours) && !ours[place].After(at) {
					place++
				}
				expected := until
				if place < len(ours) {
					expected = ours[place]
				}
				found, err := next(at)
				if err != nil {
					return nil, err
				}
				if !found.Equal(expected) {
					restarted = append(restarted, at.Unix())
				}
			}
		}
	}
	fires := make([]int64, 0, len(seen))
	for at := range seen {
		fires = append(fires, at)
	}
	sort.Slice(fires, func(one, other int) bool { return fires[one] < fires[other] })
	return map[string]any{"fires": fires, "restarted": restarted}, nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		var question asked
		if err := json.Unmarshal(lines.Bytes(), &question); err != nil {
			panic(err)
		}
		found, err := answer(question)
		if err != nil {
			found = map[string]any{"error": err.Error()}
		}
		if err := encoder.Encode(found); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}
