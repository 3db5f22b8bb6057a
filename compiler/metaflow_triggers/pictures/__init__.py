"""Pictures: what starts what, as nodes and edges, and as the texts that draw them.

Takes a trigger graph, its diagnostics, the catalogue of events; gives a `Picture`, and that as JSON, Mermaid, DOT and
one HTML page. Every name and text of a user is data in each of them. Knows no flow file, no backend, no engine.
"""
