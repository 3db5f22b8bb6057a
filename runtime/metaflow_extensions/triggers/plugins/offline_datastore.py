"""Offline datastore: S3 as a place in what is compiled, while nothing is read or written there.

In:   the datastore root.
Out:  Metaflow's own S3 datastore, made without importing boto3.

Not here: anything else. It takes the place of Metaflow's `s3` in the commands `compile` and `diff` only
(`mfextinit_triggers`), which use no datastore: importing boto3 would be a good part of their time. What these commands
give is on standard output, so the one thing that Metaflow says there of a datastore goes to standard error.
"""

import sys

from metaflow.datastore.datastore_storage import DataStoreStorage
from metaflow.plugins.datastores.local_storage import LocalStorage
from metaflow.plugins.datastores.s3_storage import S3Client, S3Storage


class OfflineS3Storage(S3Storage):
    """Metaflow's S3Storage, whose own `__init__` first imports boto3 (s3_storage.py:21)."""

    TYPE = "s3"

    def __init__(self, root=None):
        DataStoreStorage.__init__(self, root)
        self.s3_client = S3Client()  # imports boto3 when it is used


_find_root = LocalStorage.get_datastore_root_from_config.__func__


def _find_root_aside(cls, echo, create_on_absent=True):
    # Metaflow's @conda and @pypi ask for it (conda_decorator.py, `step_init`); a folder that has none gets one.
    return _find_root(cls, lambda text, *_, **__: sys.stderr.write(f"{text}\n"), create_on_absent)


LocalStorage.get_datastore_root_from_config = classmethod(_find_root_aside)
