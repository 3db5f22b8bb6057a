"""Reading: flow files and Metaflow flow objects become flows of the model, each element with its place.

Takes paths or the state of a flow's own command line, gives flows, poll triggers and diagnostics. User code runs in
children of this room only. Judges nothing that one flow alone does not show.
"""
