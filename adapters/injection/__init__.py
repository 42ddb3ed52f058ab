"""Damage on purpose, with a record: the proof that the verifier sees what it should see."""

from adapters.injection.injector import Injector
from adapters.injection.plan import DefectKind, Injection
from adapters.injection.record import DefectRecord, Entry, EntryKind, digest_of, read_record

__all__ = [
    "DefectKind",
    "DefectRecord",
    "Entry",
    "EntryKind",
    "Injection",
    "Injector",
    "digest_of",
    "read_record",
]
