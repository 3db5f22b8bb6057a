"""Graph: flows joined into one trigger graph; its circles, its words, what differs between two.

Takes flows, gives a graph and what it says. Knows no backend, no file, no Metaflow.
"""
