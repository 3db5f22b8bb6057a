// Kubernetes: etcd, the API server and the controllers, each as its project makes it, in one program.
//
// In:  the name of a part, then that part's own flags; standard input, which whoever starts it holds open.
// Out: that part, until standard input is closed: nothing outlives the tests, also when they are killed.
//
// Not here: flags, data, accounts. What the parts share is compiled and linked once.
package main

import (
	"fmt"
	"io"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	parts := map[string]func(){
		"etcd":        func() { etcdmain.Main(os.Args) },
		"apiserver":   func() { os.Exit(cli.Run(apiserver.NewAPIServerCommand())) },
		"controllers": func() { os.Exit(cli.Run(controllers.NewControllerManagerCommand())) },
	}
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "expected a part: etcd, apiserver or controllers")
		os.Exit(2)
	}
	part := parts[os.Args[1]]
	os.Args = append(os.Args[:1], os.Args[2:]...)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	part()
}
