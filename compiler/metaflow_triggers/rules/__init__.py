"""Rules: what can be wrong with a project, as data (code, words, why), and what finds it in a trigger graph.

Takes flows and their graph, gives diagnostics. Knows no backend, no file, no screen.
"""
