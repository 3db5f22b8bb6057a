"""Deploy: a template's resources into an account, by a plan that can be printed.

Decides in the plan; whoever carries it out decides nothing.
"""
