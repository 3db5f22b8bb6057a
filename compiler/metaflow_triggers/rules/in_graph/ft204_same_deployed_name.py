"""FT204: two flows would be deployed under one name."""

SOURCE = "semantics.md#8-names"
FINDS = "Two flows of the command have the same name, project and branch, or names that become the same deployed name."
WHY = "The second deployment would overwrite the first."
BAD = """
# flows/daily.py
class LoadFlow(FlowSpec): ...

# flows/hourly.py
class LoadFlow(FlowSpec): ...
"""
GOOD = """
# flows/daily.py
class DailyLoadFlow(FlowSpec): ...

# flows/hourly.py
class HourlyLoadFlow(FlowSpec): ...
"""
