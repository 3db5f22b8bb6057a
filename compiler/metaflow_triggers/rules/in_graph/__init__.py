"""Rules over the trigger graph: each file has its words and its `find`, which `metaflow_triggers.rules.find` calls."""
