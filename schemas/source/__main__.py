"""Write the generated schemas (`make schemas`)."""

from . import FOLDER, documents, text

for path, document in documents().items():
    (FOLDER / path).write_text(text(document), "utf-8")
