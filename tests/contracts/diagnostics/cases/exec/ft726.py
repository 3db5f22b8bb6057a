"""`cloaca` has no such name here."""

import cloaca

try:
    cloaca.Pipeline
except Exception as error:
    print(error)
