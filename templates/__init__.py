"""Templates: one Jinja2 file per kind of object and backend. Data only."""
