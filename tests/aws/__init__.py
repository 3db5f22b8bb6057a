"""Tests of the AWS backend."""
