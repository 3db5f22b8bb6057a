"""What is compiled for the board. It cannot carry flows that start when others end."""

from metaflow_triggers.backends.shape import Manifest, polls_of, refused_polls
from metaflow_triggers.diagnostics import Diagnostic
from metaflow_triggers.graph.explain import reasons


def deployed_name(flow, project, branch, settings):
    return "-".join(filter(None, (project, branch, flow.upper())))


def refusals(flow, graph, settings):
    bad = [item for item in flow.triggers if item.kind == "finish"]
    told = [Diagnostic("FT504", f"`{flow.name}` cannot be told in chalk", item.span) for item in bad]
    for item in flow.triggers:
        unknown = sorted(item.options.plain().get("chalk", {}).keys() - {"colour"})
        place = item.options.place("chalk", *unknown[:1], "")
        told += [Diagnostic("FT107", f"chalk knows no {key!r}", place, "unknown key") for key in unknown]
    return [*told, *refused_polls("the Chalk Board", polls_of(flow, graph))]


def manifests(flow, graph, workflow, settings):
    name = flow.deployed_as or deployed_name(flow.name, flow.project, flow.branch, settings)
    colours = [item.options.value.get("chalk", {}).get("colour", "white") for item in flow.triggers]
    content = {"starts when": [when for when, _ in reasons(flow)], "in": colours, "does": workflow}
    return [Manifest(f"chalk/{name}.json", content, None, True)]


def shared_manifests(settings):
    return [Manifest("chalk/_frame.yaml", {"wood": "oak"}, None, True)]


def shared_remarks(settings, flows):
    return []


def folder_manifests(deployed_names, shared):
    return [Manifest("chalk/_all.json", deployed_names, None, True)]
