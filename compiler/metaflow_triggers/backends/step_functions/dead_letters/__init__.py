"""Dead letters on AWS: what lies in a flow's dead-letter queue, and how it gets to where it was going.

`box` is what the commands use, and `letters_of` for who wants to read alone.
"""
