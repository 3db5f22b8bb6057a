// Services: Argo Events' own event sources and sensors on a NATS server with JetStream, in a network of their own.
//
// In:  `services outside FOLDER KUBERNETES`, lines of JSON on standard input (`command`).
// Out: one line of JSON with addresses on 127.0.0.1, then one per command, and one for each service that ended.
//
// Not here: what Argo's controllers do, i.e. making pods of objects: whoever gives commands does it.
//
// A webhook of Argo Events binds all interfaces, so everything runs in a network namespace that has only a loopback
// interface. The process outside of it passes connections on: from three ports on 127.0.0.1 to the webhooks (two, since
// one network has them both) and to the server's monitor, and from port 6443 inside to KUBERNETES. Sockets of the file system know no network namespace.
// Each service has a root folder of its own, because Argo Events reads /argo-events/secrets and writes /tmp/graft.log.
//
// `sensor` and `eventsource` do what Start of pkg/sensors/cmd and pkg/eventsources/cmd does, but serve no metrics: their
// port is a constant, and many of them share this network. Nothing else of Argo Events is replaced.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	"github.com/argoproj/argo-events/pkg/eventsources"
	"github.com/argoproj/argo-events/pkg/metrics"
	"github.com/argoproj/argo-events/pkg/sensors"
	"github.com/argoproj/argo-events/pkg/shared/logging"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	_ "time/tzdata" // a root folder of a service has no files of time zones
)

const (
	busURL        = "nats://127.0.0.1:4222"
	kubernetesURL = "http://127.0.0.1:6443"
)

func main() {
	switch os.Args[1] {
	case "outside":
		outside(os.Args[2], os.Args[3])
	case "inside":
		inside(os.Args[2])
	case "possible": // ends with 0 where a network namespace can be made
		checkPlainly(alone("nothing").Run())
	case "nothing":
	case "sensor", "eventsource":
		service(os.Args[1], os.Args[2])
	default:
		panic("unknown command " + os.Args[1])
	}
}

// The stream's settings are those that Argo Events ships (manifests/base/controller-manager/controller-config.yaml of
// 1.9.11), but for one: there is one server, so there is one replica.
func bus() *v1alpha1.BusConfig {
	stream := "maxMsgs: 50000\nmaxAge: 168h\nmaxBytes: -1\nreplicas: 1\nduplicates: 300s\nretention: 0\ndiscard: 0\n"
	return &v1alpha1.BusConfig{JetStream: &v1alpha1.JetStreamConfig{URL: busURL, StreamConfig: stream}}
}

// service runs one object, which is `object.json` in its root folder, until its standard input ends.
func service(kind string, root string) {
	check(syscall.Chroot(root))
	check(os.Chdir("/"))
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	text, err := os.ReadFile("/object.json")
	check(err)
	logger := logging.NewArgoEventsLogger().Named(kind)
	ctx := logging.WithLogger(context.Background(), logger)
	pod := filepath.Base(root)
	if kind == "eventsource" {
		object := &v1alpha1.EventSource{}
		check(json.Unmarshal(text, object))
		measured := metrics.NewMetrics(object.Namespace)
		check(eventsources.NewEventSourceAdaptor(object, bus(), "default", pod, measured).Start(ctx))
		return
	}
	object := &v1alpha1.Sensor{}
	check(json.Unmarshal(text, object))
	token, err := os.ReadFile("/token")
	check(err)
	config := &rest.Config{Host: kubernetesURL, BearerToken: string(token)}
	client := kubernetes.NewForConfigOrDie(config)
	measured := metrics.NewMetrics(object.Namespace)
	sensor := sensors.NewSensorContext(
		client, dynamic.NewForConfigOrDie(config), object, bus(), "default", pod, measured,
	)
	check(sensor.Start(ctx))
}

// cloudEvent is an event in the form that pkg/eventsources/eventing.go gives it.
func cloudEvent(asked command) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(asked.Publish)
	check(err)
	event := cloudevents.NewEvent()
	event.SetID(asked.ID)
	event.SetType("minio")
	event.SetSource(asked.Source)
	event.SetSubject(asked.Subject)
	event.SetTime(time.Now())
	check(event.SetData(cloudevents.ApplicationJSON, data))
	return json.Marshal(event)
}

func checkPlainly(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
