"""Which packages the wheel has: found below the source roots, so that a new one cannot be forgotten.

Everything else stands in pyproject.toml. What it cannot say is that packages are found in two roots and that
`templates` and `schemas` lie beside them.
"""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages("compiler", exclude=["*.egg-info*"]),
        *find_namespace_packages("runtime"),
        "metaflow_triggers.schemas",
        "metaflow_triggers.templates",
    ]
)
