"""Many keys are asked for at once (``hub.store.sqlite.absence``)."""

import sqlite3

from hub.store.sqlite.absence import CLAIM, TOKEN, absent


def _connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE tok (p INT, h INT, sys INT)")
    connection.execute("CREATE TABLE claim (owner INT, p INT, h INT, sys INT)")
    return connection


def test_keys_without_a_row_are_told_from_those_with_one_however_many_are_asked() -> None:
    connection = _connection()
    connection.executemany("INSERT INTO tok VALUES (7, ?, 0)", [(number,) for number in range(0, 300, 2)])
    asked = [(7, number) for number in range(300)] + [(8, 0), (8, 0)]
    wanted = {(7, number) for number in range(1, 300, 2)} | {(8, 0)}
    assert absent(connection, TOKEN, asked) == wanted


def test_a_claim_is_of_one_owner() -> None:
    connection = _connection()
    connection.execute("INSERT INTO claim VALUES (1, 2, 3, 4)")
    assert absent(connection, CLAIM, [(1, 2, 3, 4), (2, 2, 3, 4)]) == {(2, 2, 3, 4)}


def test_nothing_asked_is_nothing_absent() -> None:
    assert absent(_connection(), TOKEN, []) == set()
