"""A table that an ordinary deployment drops or renames before settling keeps nobody waiting, and is told (ADR 20)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.support.cancellation import end, failed_half_way, keys_left, refused
from tests.support.faulty_connector import FaultyConnector
from tests.support.holds import lift, place
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.statements import assert_chain_intact, lines_of, statements_of
from tests.support.store_inspector import StoreInspector

from expunge_demo.load_postgres import ROLE
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.states import BatchState

pytestmark = pytest.mark.usefixtures("fresh_inspections")

DROP = "DROP TABLE {}"
KEPT = """
CREATE TABLE kept_tokens AS SELECT * FROM api_tokens;
CREATE TABLE kept_messages AS SELECT * FROM messages;
"""
AGAIN = f"""
DROP TABLE IF EXISTS api_tokens, tokens, messages;
CREATE TABLE api_tokens (id uuid PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, label text NOT NULL,
  token_hash bytea NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX api_tokens_user ON api_tokens (user_id);
INSERT INTO api_tokens SELECT * FROM kept_tokens;
CREATE TABLE messages (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id bigint NOT NULL REFERENCES users,
  reply_to bigint REFERENCES messages, body text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX messages_user ON messages (user_id);
CREATE INDEX messages_reply_to ON messages (reply_to);
INSERT INTO messages OVERRIDING SYSTEM VALUE SELECT * FROM kept_messages;
SELECT setval(pg_get_serial_sequence('messages', 'id'), (SELECT coalesce(max(id), 1) FROM messages));
GRANT SELECT, DELETE ON api_tokens, messages TO {ROLE};
DROP TABLE kept_tokens, kept_messages;
"""
LATE = "INSERT INTO api_tokens VALUES (gen_random_uuid(), %s, 'late', '\\x00')"
GONE = "main.api_tokens"
Lose = Callable[[Installation, StoreInspector], None]


@pytest.fixture(autouse=True)
def put_back(inspector: StoreInspector) -> Iterator[None]:
    """Whatever becomes of the tables in a test, the next one finds them."""
    inspector.sql(KEPT)
    yield
    inspector.sql(AGAIN)


def erased(installation: Installation, inspector: StoreInspector) -> tuple[Batch, int]:
    ann = make_holder(inspector)
    batch = installation.plan(ann.csv)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    return batch, ann.id


def without_tokens(installation: Installation) -> None:
    """The operator takes the collection out of the map; the next process reads it."""
    text = Path(installation.settings.data_map).read_text("utf-8")
    start = text.index("      api_tokens:")
    other = installation.home / "datamap.yaml"
    other.write_text(text[:start] + text[text.index("      user_addresses:") :], "utf-8")
    installation.close()
    installation.settings = installation.settings.model_copy(update={"data_map": other})


@pytest.mark.parametrize("mapped", [True, False], ids=["the map names it still", "the map does not name it any more"])
def test_a_dropped_table_is_stated_and_nobody_waits(
    installation: Installation, inspector: StoreInspector, *, mapped: bool
) -> None:
    batch, _ = erased(installation, inspector)
    inspector.sql(DROP.format("api_tokens"))
    installation.close()
    if not mapped:
        without_tokens(installation)
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED, installation.failures(batch)
    assert installation.events(batch) == [["accepted", "erased", "settled"]]
    (said,) = statements_of(installation, batch, "settled")
    assert said.body["dropped"] == [GONE]
    assert "went with them, and not by this request" in str(said.body["droppedMeans"])
    assert keys_left(installation, batch) == 0
    assert_chain_intact(installation, batch)


def test_new_plans_wait_for_the_map(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    inspector.sql(DROP.format("api_tokens"))
    with pytest.raises(FindingsError, match=r"public\.api_tokens does not exist"):
        installation.plan(ann.csv)


def test_what_came_back_elsewhere_is_erased_all_the_same(installation: Installation, inspector: StoreInspector) -> None:
    batch, ann = erased(installation, inspector)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", ann)
    inspector.sql(DROP.format("api_tokens"))
    installation.close()
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED, installation.failures(batch)
    assert inspector.one("SELECT count(*) FROM messages WHERE user_id = %s", ann) == 0
    assert installation.events(batch) == [["accepted", "erased", "re-erased", "settled"]]
    (said,) = statements_of(installation, batch, "re-erased")
    assert lines_of(said.body)[GONE] == ("erased", 1, 0)
    assert lines_of(said.body)["main.messages"] == ("erased", 2, 0)  # with the one that went before the answer
    (settled,) = statements_of(installation, batch, "settled")
    assert settled.body["dropped"] == [GONE]  # what came since, if anything, went with it
    assert_chain_intact(installation, batch)


def test_a_renamed_table_is_followed(installation: Installation, inspector: StoreInspector) -> None:
    batch, ann = erased(installation, inspector)
    inspector.sql(LATE, ann)
    inspector.sql("ALTER TABLE api_tokens RENAME TO tokens")
    installation.close()
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED, installation.failures(batch)
    assert inspector.one("SELECT count(*) FROM tokens WHERE user_id = %s", ann) == 0
    assert installation.events(batch) == [["accepted", "erased", "re-erased", "settled"]]
    (said,) = statements_of(installation, batch, "re-erased")
    assert lines_of(said.body)[GONE] == ("erased", 2, 0)  # with the one that went before the answer
    assert_chain_intact(installation, batch)


def test_another_error_of_the_check_still_keeps_settling_waiting(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch, _ = erased(installation, inspector)
    inspector.sql(DROP.format("api_tokens"))
    inspector.sql(f"REVOKE DELETE ON messages FROM {ROLE}")
    installation.close()
    with pytest.raises(FindingsError, match="messages") as refused:
        installation.settle()
    assert "api_tokens" not in str(refused.value)
    assert installation.again(batch).state is BatchState.ERASED
    inspector.sql(f"GRANT DELETE ON messages TO {ROLE}")
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED, installation.failures(batch)


def test_a_renamed_column_is_named_and_nothing_that_follows_from_it(
    installation: Installation, inspector: StoreInspector
) -> None:
    """Without the table, its foreign key would be one that the map does not name."""
    batch, _ = erased(installation, inspector)
    inspector.sql("ALTER TABLE api_tokens RENAME user_id TO owner_id")
    installation.close()
    with pytest.raises(FindingsError, match=r"public\.api_tokens has no column user_id") as refused:
        installation.settle()
    assert "does not name it" not in str(refused.value)
    assert "has no column user_id" in installation.failures(batch)


@pytest.mark.parametrize("by", ["retry", "end"])
@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "unmapped"])
def test_a_chunk_that_failed_before_is_ended_by_either(
    installation: Installation, inspector: StoreInspector, by: str, *, mapped: bool
) -> None:
    """Created anew it was nobody's guess; dropped for good afterwards."""
    batch, _ = erased(installation, inspector)
    inspector.sql("ALTER TABLE api_tokens RENAME COLUMN user_id TO owner_id; ALTER TABLE api_tokens ADD user_id bigint")
    installation.settle()
    assert installation.again(batch).state is BatchState.FAILED
    inspector.sql(DROP.format("api_tokens"))
    installation.close()
    if not mapped:
        without_tokens(installation)
    if by == "end":
        assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    else:
        assert installation.erase(batch).state is BatchState.SETTLED, installation.failures(batch)
    assert installation.events(batch) == [["accepted", "erased", "settled"]]
    (said,) = statements_of(installation, batch, "settled")
    assert said.body["dropped"] == [GONE]
    assert keys_left(installation, batch) == 0


def test_an_end_before_anything_was_concluded_states_it_too(
    installation: Installation, inspector: StoreInspector
) -> None:
    batch = failed_half_way(installation, make_holder(inspector))
    inspector.sql(DROP.format("api_tokens"))
    installation.close()
    assert installation.erase(batch).state is BatchState.FAILED  # a retry has to look into it once more
    assert "public.api_tokens was dropped" in installation.failures(batch)
    end(installation, batch)
    assert installation.events(batch) == [["accepted", "partially-erased"]]
    (said,) = statements_of(installation, batch, "partially-erased")
    lines = lines_of(said.body)
    assert lines[GONE] == ("dropped", 1, 0)
    left = {name for name, (outcome, *_) in lines.items() if outcome == "left"}
    assert "recordings.exports" in left
    assert not any(name.startswith("main.") for name in left)
    assert "not looked at any more" not in str(said.body["reason"])
    assert_chain_intact(installation, batch)


def line_of(body: Mapping[str, Any], place: str) -> dict[str, Any]:
    """What a statement says of one collection."""
    (found,) = (
        one
        for store in body["stores"]
        for one in store["collections"]
        if f"{store['store']}.{one['collection']}" == place
    )
    return dict(found)


def seen_erased(installation: Installation, inspector: StoreInspector) -> Batch:
    """A request that fails when the database was verified, because the next store cannot be."""
    batch = installation.plan(make_holder(inspector).csv)
    stuck = FaultyConnector(installation.workspace.stores["recordings"], verify=refused)
    failed = installation.erase(batch, installation.with_stores({"recordings": stuck}))
    assert failed.state is BatchState.FAILED, installation.events(batch)
    return batch


def drop_table(_installation: Installation, inspector: StoreInspector) -> None:
    inspector.sql(DROP.format("api_tokens"))


def drop_column(_installation: Installation, inspector: StoreInspector) -> None:
    inspector.sql("ALTER TABLE api_tokens DROP COLUMN user_id")


def unmap(installation: Installation, _inspector: StoreInspector) -> None:
    without_tokens(installation)


ERASED = {"collection": "api_tokens", "outcome": "erased", "found": 1, "due": 0, "retained": 0, "newer": 0}
NOT_LOOKED_AT = {"collection": "api_tokens", "outcome": "left", "found": 1, "gone": 1, "unseen": True}
LOST = [
    pytest.param(drop_table, ERASED, id="table"),
    pytest.param(drop_column, NOT_LOOKED_AT, id="column"),
    pytest.param(unmap, NOT_LOOKED_AT, id="map"),
]


@pytest.mark.parametrize(("lose", "line"), LOST)
def test_what_was_seen_to_be_erased_stays_stated_at_an_end(
    installation: Installation, inspector: StoreInspector, lose: Lose, line: dict[str, object]
) -> None:
    batch = seen_erased(installation, inspector)
    lose(installation, inspector)
    installation.close()
    end(installation, batch)
    event = "erased" if line is ERASED else "partially-erased"
    assert installation.events(batch) == [["accepted", event]]
    (said,) = statements_of(installation, batch, event)
    assert line_of(said.body, GONE) == line
    assert_chain_intact(installation, batch)


def test_what_was_stated_as_erased_under_a_hold_stays_so(installation: Installation, inspector: StoreInspector) -> None:
    ann = make_holder(inspector)
    held = place(installation, data_type="exports")
    batch = installation.plan(ann.csv)
    installation.erase(batch)
    (said,) = statements_of(installation, batch, "on-hold")
    assert line_of(said.body, GONE) == ERASED
    lift(installation, held)
    inspector.sql(DROP.format("api_tokens"))
    installation.close()
    assert installation.erase(batch).state is BatchState.FAILED
    end(installation, batch)
    (said,) = statements_of(installation, batch, "partially-erased")
    assert line_of(said.body, GONE) == ERASED
    assert_chain_intact(installation, batch)


@pytest.mark.parametrize(("lose", "line"), LOST[1:])
def test_what_was_stated_as_erased_stays_gone_at_an_end_of_settling(
    installation: Installation, inspector: StoreInspector, lose: Lose, line: dict[str, object]
) -> None:
    batch, _ = erased(installation, inspector)
    lose(installation, inspector)
    installation.close()
    with suppress(FindingsError):  # where the map does not name it; of a column the chunk fails
        installation.settle()
    assert installation.again(batch).state is not BatchState.SETTLED
    end(installation, batch)
    (said,) = statements_of(installation, batch, "partially-erased")
    assert line_of(said.body, GONE) == line
    assert_chain_intact(installation, batch)
