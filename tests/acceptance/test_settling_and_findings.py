"""A row that `check` objects to keeps nobody from settling whom it does not concern."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.bulk_people import make_crowd
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.statements import assert_chain_intact, chunks
from tests.support.store_inspector import StoreInspector

from expunge_demo.load_postgres import ROLE
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState

pytestmark = pytest.mark.usefixtures("fresh_inspections")


REMARKS = """
      remarks:
        table: public.remarks
        data_type: messages
        owner: {controller: calltrack}
        undated: erase
        found_by: [{column: user_id, of: user_profiles.user_id}]
"""
TABLE = f"""
CREATE TABLE remarks (id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES user_profiles (user_id), said text);
CREATE INDEX remarks_user ON remarks (user_id);
GRANT SELECT, DELETE ON remarks TO {ROLE};
"""


@pytest.fixture(autouse=True)
def remarks(installation: Installation, inspector: StoreInspector) -> Iterator[None]:
    """A table of remarks that hang on people's profiles, and that the map knows."""
    inspector.sql(TABLE)
    text = Path(installation.settings.data_map).read_text("utf-8")
    other = installation.home / "datamap.yaml"
    other.write_text(text.replace("      user_addresses:", f"{REMARKS[1:]}      user_addresses:", 1), "utf-8")
    installation.close()
    installation.settings = installation.settings.model_copy(update={"data_map": other})
    yield
    inspector.sql("DROP TABLE remarks")


def strange(installation: Installation, inspector: StoreInspector) -> None:
    """A stranger's address stands in a remark on another stranger; the next process sees it."""
    cleo, dora = make_holder(inspector), make_holder(inspector)
    inspector.sql("INSERT INTO remarks VALUES (1, %s, %s)", cleo.id, dora.email)
    installation.close()


def test_a_finding_on_a_strangers_row_keeps_nobody_from_settling(
    installation: Installation, inspector: StoreInspector
) -> None:
    crowd = make_crowd(inspector, 3)
    batch = installation.plan(crowd.csv)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    strange(installation, inspector)
    with pytest.raises(FindingsError, match="remarks"):
        installation.plan(make_holder(inspector).csv)
    installation.settle()
    assert installation.again(batch).state is BatchState.SETTLED, installation.failures(batch)
    assert_chain_intact(installation, batch)


def test_what_came_back_is_not_erased_while_check_objects_to_a_row(
    installation: Installation, inspector: StoreInspector
) -> None:
    """What the rows of a stranger say may be true of what came back as well: it waits, and nobody else does."""
    crowd = make_crowd(inspector, 3)
    batch = installation.plan(crowd.csv)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", crowd.ids[1])
    strange(installation, inspector)
    installation.settle()
    assert sorted(chunks(installation, batch)) == [("done", 2), ("failed", 1)]
    assert "what came back is not erased again" in installation.failures(batch)
    assert "several" not in installation.failures(batch)
    assert inspector.one("SELECT count(*) FROM messages WHERE user_id = %s", crowd.ids[1]) == 1
    inspector.sql("DELETE FROM remarks")
    installation.close()
    assert installation.erase(batch).state is BatchState.SETTLED, installation.failures(batch)
    assert inspector.one("SELECT count(*) FROM messages WHERE user_id = %s", crowd.ids[1]) == 0
    assert_chain_intact(installation, batch)


def test_nothing_is_learnt_of_what_came_back_while_check_objects_to_a_row(
    installation: Installation, inspector: StoreInspector
) -> None:
    """What it leads to may be somebody else's by a map that does not fit, and would be kept for the next attempt."""
    crowd = make_crowd(inspector, 3)
    batch = installation.plan(crowd.csv)
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'late')", crowd.ids[1])
    strange(installation, inspector)
    before = sealed(installation)
    installation.settle()
    assert "what came back is not erased again" in installation.failures(batch)
    (kept,) = [keys for keys in sealed(installation) if keys is not None]
    assert kept in before


def sealed(installation: Installation) -> list[bytes | None]:
    """The keys that are kept of each person, sealed; a resolution seals them anew."""
    with reading(installation.workspace.ledger) as connection:
        return list(connection.scalars(sa.select(tables.item.c.sealed_keys)))
