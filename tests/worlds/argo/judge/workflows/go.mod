module judge

go 1.26.5

require (
	github.com/argoproj/argo-workflows/v4 v4.1.2
	sigs.k8s.io/yaml v1.6.0
)
