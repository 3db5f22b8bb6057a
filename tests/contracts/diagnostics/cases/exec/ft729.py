"""The address of a database is not understood."""

import cloaca

for address in (3, "postgresql://host/db", "sqlite://"):
    try:
        cloaca.DefaultRunner(address)
    except (TypeError, ValueError) as error:
        print(error)
