"""Cache: what earlier commands made, kept from one to the next, and whether it may be used again.

Takes keys and JSON values or bytes, gives them back unchanged or not at all. What is kept is data that runs no code,
under a checksum each, in a folder of the user's own. Knows no flow: what depends on what is the callers' business.
"""
