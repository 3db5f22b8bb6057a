"""Metrics of an engine, for Prometheus: what it has counted, how things stand in its database.

`counts` watches the engine and asks the database, `endpoint` answers scrapes; the second needs the package
`prometheus_client`, and nothing else of the engine does.
"""
