"""Contract: what is compiled and what runs agree on. Standard library only, and it travels with the flow's code.

What is deployed was compiled by some version of this package and is run by the code package of the flow; both sides ask
here, and what is written here is only ever added to.
"""
