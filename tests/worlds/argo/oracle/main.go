// Oracle: what Argo Events itself does with the Sensors that we emit.
//
// In:  JSON on standard input: {"sensors": [...], "events": [{"id", "source", "subject", "data"}]}, and perhaps
//
//	"streams": [{"sensor": 0, "events": [0, 2, "reset", 1]}], events by their place.
//
// Out: JSON: {"sensors": [...], "streams": [...]}. Per sensor the verdict of its validator and, per event, the
//
//	dependencies that let it pass with the object that the parameters made. Per stream the objects that were made
//	one after the other.
//
// Not here: judging. `recorded_cases.py` keeps the answers in `recorded.json`; the tests read that file.
// Validator, transform, filter and parameters are those of Argo Events. What keeps the events of a set is its
// JetStream connection, which needs a bus: `play` follows processDependency of
// pkg/eventbus/jetstream/sensor/trigger_conn.go line by line over a map, with the same expression library.
package main

import (
	"encoding/json"
	"os"
	"strings"
	"time"

	"github.com/Knetic/govaluate"
	"github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	reconciler "github.com/argoproj/argo-events/pkg/reconciler/sensor"
	"github.com/argoproj/argo-events/pkg/sensors/dependencies"
	"github.com/argoproj/argo-events/pkg/sensors/triggers"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

type event struct {
	ID      string          `json:"id"`
	Source  string          `json:"source"`
	Subject string          `json:"subject"`
	Data    json.RawMessage `json:"data"`
}

type input struct {
	Sensors []json.RawMessage `json:"sensors"`
	Events  []event           `json:"events"`
	Streams []struct {
		Sensor int           `json:"sensor"`
		Events []interface{} `json:"events"`
	} `json:"streams"`
}

type answer struct {
	Verdict string                   `json:"verdict"`
	Events  []map[string]interface{} `json:"events"`
}

type output struct {
	Sensors []answer        `json:"sensors"`
	Streams [][]interface{} `json:"streams"`
}

func main() {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		panic(err)
	}
	bus := &v1alpha1.EventBus{Spec: v1alpha1.EventBusSpec{JetStream: &v1alpha1.JetStreamBus{Version: "latest"}}}
	out := output{Sensors: []answer{}, Streams: [][]interface{}{}}
	sensors := make([]*v1alpha1.Sensor, len(in.Sensors))
	for place, raw := range in.Sensors {
		var sensor v1alpha1.Sensor
		one := answer{Verdict: "valid"}
		if err := yaml.UnmarshalStrict(raw, &sensor); err != nil {
			one.Verdict = err.Error()
		} else if err := reconciler.ValidateSensor(&sensor, bus); err != nil {
			one.Verdict = err.Error()
		}
		sensors[place] = &sensor
		for _, event := range in.Events {
			one.Events = append(one.Events, ask(&sensor, event))
		}
		out.Sensors = append(out.Sensors, one)
	}
	for _, stream := range in.Streams {
		started := []interface{}{}
		slots := map[string]map[string]*v1alpha1.Event{}
		for _, step := range stream.Events {
			if step == "reset" {
				slots = map[string]map[string]*v1alpha1.Event{}
				continue
			}
			event := in.Events[int(step.(float64))]
			started = append(started, play(sensors[stream.Sensor], slots, event)...)
		}
		out.Streams = append(out.Streams, started)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}

// pass is what a Sensor does with an event for one dependency: transform, then filter.
func pass(dependency v1alpha1.EventDependency, told event) (*v1alpha1.Event, error) {
	if dependency.EventSourceName != told.Source || dependency.EventName != told.Subject {
		return nil, nil // another subject of the bus
	}
	sent := cloudevents.NewEvent()
	sent.SetID(told.ID)
	if err := sent.SetData(cloudevents.ApplicationJSON, []byte(told.Data)); err != nil {
		return nil, err
	}
	changed, err := dependencies.ApplyTransform(&sent, dependency.Transform)
	if err != nil {
		return nil, err
	}
	context := &v1alpha1.EventContext{
		ID: told.ID, Type: "webhook", Source: told.Source, Subject: told.Subject, SpecVersion: "1.0",
		DataContentType: "application/json", Time: metav1.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	event := &v1alpha1.Event{Context: context, Data: changed.Data()}
	passed, err := dependencies.Filter(event, dependency.Filters, dependency.FiltersLogicalOperator)
	if err != nil || !passed {
		return nil, err
	}
	return event, nil
}

// fire is triggerOne of pkg/sensors/listener.go up to the request: first the trigger's own parameters, on a copy.
func fire(trigger v1alpha1.Trigger, events map[string]*v1alpha1.Event) interface{} {
	if err := triggers.ApplyTemplateParameters(events, &trigger); err != nil {
		return "error: " + err.Error()
	}
	if trigger.Template.K8s == nil {
		return "logged: " + trigger.Template.Name
	}
	object, err := triggers.FetchKubernetesResource(trigger.Template.K8s.Source)
	if err != nil {
		return "error: " + err.Error()
	}
	made := &unstructured.Unstructured{Object: object.Object}
	if err := triggers.ApplyResourceParameters(events, trigger.Template.K8s.Parameters, made); err != nil {
		return "error: " + err.Error()
	}
	return made.Object
}

func ask(sensor *v1alpha1.Sensor, told event) map[string]interface{} {
	row := map[string]interface{}{}
	for _, dependency := range sensor.Spec.Dependencies {
		event, err := pass(dependency, told)
		if err != nil {
			row[dependency.Name] = "error: " + err.Error()
			continue
		}
		if event == nil {
			continue
		}
		events := map[string]*v1alpha1.Event{dependency.Name: event}
		row[dependency.Name] = "passed"
		for _, trigger := range sensor.Spec.Triggers {
			if trigger.Template.Conditions == dependency.Name ||
				!strings.Contains(trigger.Template.Conditions, "&&") && contains(trigger.Template.Conditions, dependency.Name) {
				row[dependency.Name] = fire(trigger, events)
			}
		}
	}
	return row
}

func contains(conditions string, name string) bool {
	for _, word := range strings.Split(conditions, " || ") {
		if word == name {
			return true
		}
	}
	return false
}

func play(
	sensor *v1alpha1.Sensor, slots map[string]map[string]*v1alpha1.Event, told event,
) []interface{} {
	started := []interface{}{}
	for _, trigger := range sensor.Spec.Triggers {
		expression, err := govaluate.NewEvaluableExpression(trigger.Template.Conditions)
		if err != nil {
			panic(err)
		}
		names := map[string]bool{}
		for _, name := range expression.Vars() {
			names[name] = true
		}
		for _, dependency := range sensor.Spec.Dependencies {
			if !names[dependency.Name] {
				continue
			}
			event, err := pass(dependency, told)
			if err != nil || event == nil {
				continue
			}
			saved := slots[trigger.Template.Name]
			if saved == nil || !strings.Contains(trigger.Template.Conditions, "&") {
				saved = map[string]*v1alpha1.Event{}
			}
			parameters := map[string]interface{}{}
			for name := range names {
				parameters[name] = saved[name] != nil || name == dependency.Name
			}
			saved[dependency.Name] = event
			result, err := expression.Evaluate(parameters)
			if err != nil {
				panic(err)
			}
			if result == true {
				started = append(started, fire(trigger, saved))
				saved = nil
			}
			slots[trigger.Template.Name] = saved
		}
	}
	return started
}
