// Judge of workflows: what Argo Workflows itself says of objects.
//
// In:  JSON on standard input: a list of YAML or JSON texts, one object each.
// Out: JSON: a list of [kind, verdict] in the same order; the verdict of an accepted object is "".
//
// Not here: choosing objects, expectations. A template that another object names is looked up in the list.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	wfv1 "github.com/argoproj/argo-workflows/v4/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v4/util/logging"
	"github.com/argoproj/argo-workflows/v4/workflow/validate"
	"sigs.k8s.io/yaml"
)

type known map[string]*wfv1.WorkflowTemplate

func (k known) Get(_ context.Context, name string) (*wfv1.WorkflowTemplate, error) {
	if found, ok := k[name]; ok {
		return found.DeepCopy(), nil
	}
	return nil, fmt.Errorf("no WorkflowTemplate %q is given", name)
}

type none struct{}

func (none) Get(_ context.Context, name string) (*wfv1.ClusterWorkflowTemplate, error) {
	return nil, fmt.Errorf("no ClusterWorkflowTemplate %q is given", name)
}

func kind(text string) string {
	var told struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal([]byte(text), &told); err != nil {
		return "undecodable"
	}
	return told.Kind
}

func judge(ctx context.Context, text string, templates known) error {
	switch told := kind(text); told {
	case "WorkflowTemplate":
		var object wfv1.WorkflowTemplate
		if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
			return err
		}
		return validate.WorkflowTemplate(ctx, templates, none{}, &object, nil, validate.Opts{Lint: true})
	case "CronWorkflow":
		var object wfv1.CronWorkflow
		if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
			return err
		}
		return validate.CronWorkflow(ctx, templates, none{}, &object, nil)
	case "Workflow":
		var object wfv1.Workflow
		if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
			return err
		}
		return validate.Workflow(ctx, templates, none{}, &object, nil, validate.Opts{Lint: true})
	default:
		return fmt.Errorf("nothing here judges a %s", told)
	}
}

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		panic(err)
	}
	ctx := logging.WithLogger(context.Background(), logging.NewSlogLogger(logging.Error, logging.Text))
	templates := known{}
	for _, text := range texts {
		var object wfv1.WorkflowTemplate
		if kind(text) == "WorkflowTemplate" && yaml.Unmarshal([]byte(text), &object) == nil {
			templates[object.Name] = &object
		}
	}
	verdicts := [][2]string{}
	for _, text := range texts {
		verdict := ""
		if err := judge(ctx, text, templates); err != nil {
			verdict = err.Error()
		}
		verdicts = append(verdicts, [2]string{kind(text), verdict})
	}
	if err := json.NewEncoder(os.Stdout).Encode(verdicts); err != nil {
		panic(err)
	}
}
