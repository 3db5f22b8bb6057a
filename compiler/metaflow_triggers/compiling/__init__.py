"""Compiling: read flows to the text of every file; files into a folder; a folder held against a compilation.

Takes what reading gave, gives text and reports. Reads no user code and deploys nothing.
"""
