// Judge of events: what Argo Events itself says of Sensors and EventSources.
//
// In:  JSON on standard input: a list of YAML or JSON texts, one object each.
// Out: JSON: a list of [kind, verdict, conditions] in the same order; what is accepted has "".
//
// Not here: choosing objects, expectations. `conditions` is what a running Sensor says of its triggers' conditions
// when it starts; its validator does not look at them. That code is not exported: `conditions` below follows
// getDependencyExpression and its caller in pkg/sensors/listener.go line by line, with the same two libraries.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/Knetic/govaluate"
	"github.com/antonmedv/expr"
	"github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	eventsource "github.com/argoproj/argo-events/pkg/reconciler/eventsource"
	sensor "github.com/argoproj/argo-events/pkg/reconciler/sensor"
	"sigs.k8s.io/yaml"
)

var bus = &v1alpha1.EventBus{Spec: v1alpha1.EventBusSpec{JetStream: &v1alpha1.JetStreamBus{Version: "latest"}}}

func judge(text string) (string, error, error) {
	var told struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal([]byte(text), &told); err != nil {
		return "undecodable", err, nil
	}
	switch told.Kind {
	case "Sensor":
		var object v1alpha1.Sensor
		if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
			return told.Kind, err, nil
		}
		return told.Kind, sensor.ValidateSensor(&object, bus), conditions(&object)
	case "EventSource":
		var object v1alpha1.EventSource
		if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
			return told.Kind, err, nil
		}
		return told.Kind, eventsource.ValidateEventSource(&object), nil
	default:
		return told.Kind, fmt.Errorf("nothing here judges a %s", told.Kind), nil
	}
}

func conditions(object *v1alpha1.Sensor) error {
	known := map[string]bool{}
	names := []string{}
	groups := map[string]string{}
	for _, dependency := range object.Spec.Dependencies {
		known[dependency.Name] = true
		names = append(names, dependency.Name)
		groups[strings.ReplaceAll(dependency.Name, "-", "_")] = dependency.Name
	}
	for _, trigger := range object.Spec.Triggers {
		if trigger.Template == nil {
			continue
		}
		told := strings.Join(names, "&&")
		if trigger.Template.Conditions != "" {
			var err error
			if told, err = translate(trigger.Template.Conditions, groups); err != nil {
				return err
			}
		}
		expression, err := govaluate.NewEvaluableExpression(strings.ReplaceAll(told, "-", "\\-"))
		if err != nil {
			return err
		}
		for _, name := range expression.Vars() {
			if !known[name] {
				return fmt.Errorf("dependency expression and dependency list do not match, %s is not found", name)
			}
		}
	}
	return nil
}

func translate(original string, parameters map[string]string) (string, error) {
	original = strings.ReplaceAll(original, "&&", " + \"&&\" + ")
	original = strings.ReplaceAll(original, "||", " + \"||\" + ")
	original = strings.ReplaceAll(original, "-", "_")
	original = strings.ReplaceAll(original, "(", "\"(\"+")
	original = strings.ReplaceAll(original, ")", "+\")\"")
	program, err := expr.Compile(original, expr.Env(parameters))
	if err != nil {
		return "", err
	}
	result, err := expr.Run(program, parameters)
	if err != nil {
		return "", err
	}
	told := fmt.Sprintf("%v", result)
	told = strings.ReplaceAll(told, "\"(\"", "(")
	return strings.ReplaceAll(told, "\")\"", ")"), nil
}

// words is not empty where there is an error: ValidateWebhookContext has one without a text.
func words(err error) string {
	if err != nil && err.Error() == "" {
		return "refused without a word"
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		panic(err)
	}
	verdicts := [][3]string{}
	for _, text := range texts {
		kind, verdict, conditions := judge(text)
		verdicts = append(verdicts, [3]string{kind, words(verdict), words(conditions)})
	}
	if err := json.NewEncoder(os.Stdout).Encode(verdicts); err != nil {
		panic(err)
	}
}
