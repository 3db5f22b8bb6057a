"""Language: what filters and schedules mean, as Python; each language has one reader here.

Takes texts and values of the user, gives what they mean or what is wrong with them. Knows no flow and no backend.
"""
