"""metaflow-triggers: the deployment compiler for event-driven Metaflow flows.

The road of the data, room by room. Each opens with what it takes and gives; a room knows those above it in this list
(an import contract holds that), so that what stands on top can be read alone.

    processes    the one way in which children are forked, and what they leave behind is ended
    regular      the one way in which users' files are opened
    cache        what earlier commands made, kept from one to the next; knows no flow
    model        flows, triggers, settings, names: frozen values, and the facts that follow from them
    diagnostics  one finding as a value; raised or collected by every room below
    dead_letters  what could not start a flow, as a value that is the same wherever it lies; knows no backend and no
                 engine, which have it
    language     what filters and schedules mean: one reader of each language for all backends and the engine
    project_file  what a repository says of its flows, with the place of each key; knows nothing of Metaflow, before
                 whose import its settings are wanted
    graph        flows joined into one trigger graph; its circles, words and differences. No backend: the graph is what
                 all of them share
    manifests    resources through templates and closed schemas to canonical text. Decides nothing, so that what is
                 decided can be read in `backends`
    rules        what can be wrong: a file for each, with its words, its examples and what finds it in a graph
    reports      diagnostics as people and programs read them; above the rules, since they say how heavy a finding is
    doctor       what a deployment needs and lacks, as values and lines; `doctor` of each backend asks, and
                 `engine.doctor`
    poll         what a user's file of polls imports: light, so that polling a file costs no Metaflow
    polling      what polls, wherever that is: a process for each file, what a fire is called. It travels, and with it
                 those of the rooms above that it imports
    pictures     what starts what, as nodes and edges, and the texts that draw them; above the reports, whose form the
                 diagnostics at its nodes have
    seams        Metaflow's private names, each under a contract test, and upstream's two compilers, run offline
    trail        what became of an event, as a value that is the same whoever was asked: the question, the causes with
                 their words, the answer. Knows no backend and no engine, which all answer in it
    backends     per backend: `compile` lowers, `verify` reads the result back and holds it against the flow (the price
                 of a second writing buys the mistakes that no schema sees), `deploy` plans and carries out
    engine       what triggers mean, run on this machine; imports no backend
    simulate     the same meaning written once more, in memory, to be held against the engine and the backends
    reading      files and flow objects become flows of the model; user code runs here, in children
    compiling    read flows to the text of every file; a folder, and what differs
    deploying    compiled flows of a project and the clouds become one plan, and the plan effects
    commands     what is typed
    api          the same for programs: each call is a command in a process of its own

`schemas` and `templates` are data of `manifests`. What travels into a run is the runtime's
(`metaflow_extensions.triggers`), and what both sides agree on its `contract`. Importing this
package imports nothing heavy.
"""

__version__ = "0.1.0"
