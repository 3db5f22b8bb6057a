"""Dead letters on Argo: the records of starts that a Sensor has given up, and the events sent once more.

`box` is what the commands use, and `letters_of` for who reads alone.
"""
