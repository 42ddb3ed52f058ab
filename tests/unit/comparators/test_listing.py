from typing import Any

from comparators.canonical import encode
from comparators.decision import decide
from comparators.listing import without_gossip
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Outcome
from comparators.rules import Rules
from comparators.verdict import Verdict


def _verdict(kind: Kind, legacy: dict[str, Any], gateway: dict[str, Any]) -> Verdict:
    operation = Operation(database="app", collection="users", kind=kind, arguments={})
    return decide(operation, _answer(legacy), _answer(gateway), Rules()).verdict


def _answer(listed: dict[str, Any]) -> Outcome:
    return Outcome(result=Documents(documents=(encode(listed),)), duration_s=0)


def test_version_of_an_index_is_gossip() -> None:
    legacy = {"v": 2, "key": {"a": 1}, "name": "a_1", "background": True, "unique": True}
    gateway = {"v": 1, "key": {"a": 1}, "name": "a_1", "unique": True}

    assert _verdict(Kind.LIST_INDEXES, legacy, gateway) is Verdict.MATCH


def test_option_of_an_index_counts() -> None:
    legacy = {"v": 2, "key": {"a": 1}, "name": "a_1", "unique": True}
    gateway = {"v": 2, "key": {"a": 1}, "name": "a_1"}

    assert _verdict(Kind.LIST_INDEXES, legacy, gateway) is Verdict.MISMATCH


def test_identity_of_a_collection_is_gossip() -> None:
    legacy = {"name": "users", "type": "collection", "options": {}, "info": {"uuid": "1"}}
    gateway = {"name": "users", "type": "collection", "options": {}, "info": {"uuid": "2"}}

    assert _verdict(Kind.LIST_COLLECTIONS, legacy, gateway) is Verdict.MATCH


def test_options_of_a_collection_count() -> None:
    legacy = {"name": "users", "type": "collection", "options": {"capped": True}}
    gateway = {"name": "users", "type": "collection", "options": {}}

    assert _verdict(Kind.LIST_COLLECTIONS, legacy, gateway) is Verdict.MISMATCH


def test_documents_of_the_data_are_left_alone() -> None:
    found = Documents(documents=(encode({"v": 2, "info": 1}),))

    assert without_gossip(Kind.FIND, found) is found
