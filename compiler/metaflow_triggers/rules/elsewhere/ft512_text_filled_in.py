"""FT512: text that Argo Workflows would fill in."""

SOURCE = "argo-workflows.md#text-with-braces"
RAISED = "backends/argo/compile"
FINDS = """An annotation, a label or another setting of a step, or a tag of the run, that holds `{{...}}` which Argo
Workflows fills in: an expression (`{{=...}}`), a variable of its own (`{{workflow.name}}`, `{{inputs...}}`), or an
opening without an end. Step and text are named. In environment variables, parameters, titles and docstrings such text
arrives as it is written, and so does `{{ anything else }}` everywhere. An image or an account may hold
`{{workflow.name}}`."""
WHY = "The text would not arrive as it is written, or the run could not start."
BAD = "@kubernetes(annotations={'template': 'Hello {{workflow.name}}'})"
GOOD = "@environment(vars={'TEMPLATE': 'Hello {{workflow.name}}'})"
