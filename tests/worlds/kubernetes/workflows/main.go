// Workflow controller: Argo Workflows' own, without what it serves.
//
// In:  a kubeconfig; standard input, which whoever starts it holds open.
// Out: Workflows, CronWorkflows and their templates of all namespaces are acted on, until standard input is closed.
//
// Not here: its metrics and profiles, which listen on all addresses, and the election of a leader: there is one.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	_ "time/tzdata"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	versioned "github.com/argoproj/argo-workflows/v4/pkg/client/clientset/versioned"
	"github.com/argoproj/argo-workflows/v4/util/logging"
	"github.com/argoproj/argo-workflows/v4/workflow/controller"
)

func main() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	if err == nil {
		config.QPS, config.Burst = 500, 500
		ctx := logging.WithLogger(context.Background(), logging.NewSlogLogger(logging.Info, logging.Text))
		kube, argo := kubernetes.NewForConfigOrDie(config), versioned.NewForConfigOrDie(config)
		var made *controller.WorkflowController
		made, err = controller.NewWorkflowController(ctx, config, kube, argo, "argo", "", "executor", "Never", "text",
			"workflow-controller-configmap", false)
		if err == nil {
			made.Run(ctx, 4, 2, 2, 2, 1)
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
