"""Commands: what is typed. One module a command; they read options, call the rooms below and print."""
