"""Reports: diagnostics as people and programs read them.

Takes diagnostics, gives text or JSON. Above the rules, since a report says how heavy a rule's finding is.
"""
