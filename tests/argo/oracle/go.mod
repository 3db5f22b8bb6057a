module oracle

go 1.26.0

require (
	github.com/argoproj/argo-events v1.9.11
	sigs.k8s.io/yaml v1.6.0
)
