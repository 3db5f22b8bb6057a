"""Trail: what became of an event on a cluster, found by names that are computed.

`start_names` computes what a start is called; `looks` asks for objects, and keeps what may not be asked; `workflows`
and `runs` read a run; `deployed` says which version is there, `listening` what has to be in order for a flow to start,
`obstacles` what of it is not; `sensor_log` why starts are refused, `outcomes` why the end of a run starts nothing;
`commands` has what leads on; `target` puts them together. `fields` reads what somebody may have edited.

Nothing is written. Each request is for one object by its name, but for the pods of one Sensor, which have its label.
"""
