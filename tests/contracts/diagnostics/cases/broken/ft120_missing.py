"""The file raised on import: a module that is not there."""

import nothing_of_this_name
from metaflow import FlowSpec
