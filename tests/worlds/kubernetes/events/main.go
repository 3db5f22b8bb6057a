// Argo Events: what its image has (its controllers, event sources and Sensors), and the server of its bus.
//
// In:  the name of a program, then that program's own arguments; the environment and files of a pod.
// Out: that program, as its project makes it, until it is signalled.
//
// Not here: where it runs (node_pods.py). The two are one program, so that what they share is compiled and linked once.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/argoproj/argo-events/cmd/commands"
	"github.com/nats-io/nats-server/v2/server"

	_ "time/tzdata" // the image of Argo Events has the zones' files
)

func main() {
	programs := map[string]func(){"argo-events": commands.Execute, "nats-server": natsServer}
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "expected a program: argo-events or nats-server")
		os.Exit(2)
	}
	program := programs[os.Args[1]]
	os.Args = append(os.Args[:1], os.Args[2:]...)
	program()
}

// natsServer does what main of the NATS server does, whose package cannot be imported.
func natsServer() {
	flags := flag.NewFlagSet("nats-server", flag.ExitOnError)
	options, err := server.ConfigureOptions(flags, os.Args[1:], server.PrintServerAndExit, flags.Usage, server.PrintTLSHelpAndDie)
	if err == nil {
		server.RedactArgs(os.Args)
		var nats *server.Server
		nats, err = server.NewServer(options)
		if err == nil {
			nats.ConfigureLogger()
			if err = server.Run(nats); err == nil {
				nats.WaitForShutdown()
				return
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
