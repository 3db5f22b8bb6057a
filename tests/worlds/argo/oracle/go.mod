module oracle

go 1.26.0

require (
	github.com/Knetic/govaluate v3.0.1-0.20171022003610-9aa49832a739+incompatible
	github.com/argoproj/argo-events v1.9.11
	github.com/cloudevents/sdk-go/v2 v2.16.2
	k8s.io/apimachinery v0.32.2
	sigs.k8s.io/yaml v1.6.0
)
