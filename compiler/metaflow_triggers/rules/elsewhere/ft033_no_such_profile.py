"""FT033: the project file has no such profile."""

SOURCE = "project-file.md#profiles"
RAISED = "project_file commands/project_options.py"
FINDS = """`--profile` or METAFLOW_TRIGGERS_PROFILE names a profile that the project file does not have; or `--profile`
is given where there is no project file. Exit code 2."""
WHY = "Without it the flows would be compiled for another environment than the one that is meant."
BAD = "$ metaflow-triggers compile --profile prd"
GOOD = "$ metaflow-triggers compile --profile prod"
