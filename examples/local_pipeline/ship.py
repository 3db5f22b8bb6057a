import json
from pathlib import Path

from metaflow import FlowSpec, Parameter, step


# Starts when the poll in polls.py finds a parcel.
class ShipParcel(FlowSpec):
    parcel = Parameter('parcel', default='')

    @step
    def start(self):
        found = sorted(Path('outbox').glob('*.json'))
        file = Path('outbox') / Path(self.parcel).name if self.parcel else found[0]
        self.order = json.loads(file.read_text())
        self.next(self.end)

    @step
    def end(self):
        # Last of all: a run that fails before leaves the parcel, and the poll finds it again.
        for file in Path('outbox').glob(Path(self.parcel).name or '*.json'):
            file.unlink()


if __name__ == '__main__':
    ShipParcel()
