"""The project file: found, read, judged."""
