from pathlib import Path

from metaflow_triggers.poll import Context, TriggerResult, trigger


# Looks twice a second; the flow takes the parcel away.
@trigger(workflow='ShipParcel', poll_interval='500ms')
def parcel_waits():
    parcels = sorted(Path('outbox').glob('*.json'))
    if not parcels:
        return TriggerResult.skip()
    return TriggerResult.fire(Context({'parcel': parcels[0].name}))
