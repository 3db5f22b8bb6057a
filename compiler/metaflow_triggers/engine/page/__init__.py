"""The engine's page: what starts what, alive, in a browser on this machine.

`beside` starts a process that serves it and tells it what the engine does; all else runs in that process: `feed`
reads the database, `hub` hands what is new to every open page, `app` answers requests that `guard` lets in, `looked`
and `form` find what a click asks for, `acts` does what commands do, by their pieces, `child` puts them together. Only
`app`, `guard` and `child` need the package `aiohttp`. The engine waits for none of them.
"""
