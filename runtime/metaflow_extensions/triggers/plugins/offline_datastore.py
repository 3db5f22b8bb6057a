"""Offline datastore: S3 as a place in what is compiled, while nothing is read or written there.

In:   the datastore root.
Out:  Metaflow's own S3 datastore, made without importing boto3.

Not here: anything else. It takes the place of Metaflow's `s3` in the commands `compile` and `diff` only
(`mfextinit_triggers`), which use no datastore: importing boto3 would be a good part of their time.
"""

from metaflow.datastore.datastore_storage import DataStoreStorage
from metaflow.plugins.datastores.s3_storage import S3Client, S3Storage


class OfflineS3Storage(S3Storage):
    """Metaflow's S3Storage, whose own `__init__` first imports boto3 (s3_storage.py:21)."""

    TYPE = "s3"

    def __init__(self, root=None):
        DataStoreStorage.__init__(self, root)
        self.s3_client = S3Client()  # imports boto3 when it is used
