"""Names the module whose names Metaflow exports at its top level."""

toplevel = "triggers_toplevel"
