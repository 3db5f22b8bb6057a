// Oracle: what Argo Events itself does with the Sensors that we emit.
//
// In:  JSON on standard input: {"sensors": [...], "events": [{"id": "...", "data": {...}}]}.
// Out: JSON: per sensor the verdict of its validator and, per event, the dependencies that let it pass
//
//	with the object that the parameters made.
//
// Not here: judging. `record.py` keeps the answers in `recorded.json`; the tests read that file.
package main

import (
	"encoding/json"
	"os"

	"github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	reconciler "github.com/argoproj/argo-events/pkg/reconciler/sensor"
	"github.com/argoproj/argo-events/pkg/sensors/dependencies"
	"github.com/argoproj/argo-events/pkg/sensors/triggers"
	"sigs.k8s.io/yaml"
)

type input struct {
	Sensors []json.RawMessage `json:"sensors"`
	Events  []struct {
		ID   string          `json:"id"`
		Data json.RawMessage `json:"data"`
	} `json:"events"`
}

type answer struct {
	Verdict string                   `json:"verdict"`
	Events  []map[string]interface{} `json:"events"`
}

func main() {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		panic(err)
	}
	bus := &v1alpha1.EventBus{Spec: v1alpha1.EventBusSpec{JetStream: &v1alpha1.JetStreamBus{Version: "latest"}}}
	var answers []answer
	for _, raw := range in.Sensors {
		var sensor v1alpha1.Sensor
		one := answer{Verdict: "valid"}
		if err := yaml.UnmarshalStrict(raw, &sensor); err != nil {
			one.Verdict = err.Error()
		} else if err := reconciler.ValidateSensor(&sensor, bus); err != nil {
			one.Verdict = err.Error()
		}
		for _, event := range in.Events {
			one.Events = append(one.Events, ask(&sensor, event.ID, event.Data))
		}
		answers = append(answers, one)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		panic(err)
	}
}

func ask(sensor *v1alpha1.Sensor, id string, data []byte) map[string]interface{} {
	context := &v1alpha1.EventContext{
		ID: id, Type: "webhook", Source: "source", Subject: "subject", SpecVersion: "1.0",
		DataContentType: "application/json",
	}
	event := &v1alpha1.Event{Context: context, Data: data}
	row := map[string]interface{}{}
	for _, dependency := range sensor.Spec.Dependencies {
		passed, err := dependencies.Filter(event, dependency.Filters, dependency.FiltersLogicalOperator)
		if err != nil {
			row[dependency.Name] = "error: " + err.Error()
			continue
		}
		if !passed {
			continue
		}
		template := sensor.Spec.Triggers[0].Template.K8s
		events := map[string]*v1alpha1.Event{dependency.Name: event}
		object, err := triggers.ApplyParams(template.Source.Resource.Value, template.Parameters, events)
		if err != nil {
			row[dependency.Name] = "error: " + err.Error()
			continue
		}
		row[dependency.Name] = json.RawMessage(object)
	}
	return row
}
