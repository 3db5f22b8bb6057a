"""Screen: the state of an engine as a table of a terminal. Takes snapshots, changes nothing."""
