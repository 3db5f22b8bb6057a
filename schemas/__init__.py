"""Schemas: one closed JSON Schema per kind of object that is emitted. Data only; `source` is not installed."""
