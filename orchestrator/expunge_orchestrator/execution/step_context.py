"""Step context: the input of a step, and its result.

Longer than most modules: every step asks it for its stores, as they were planned, and for its people with what is known
of them, and the one depends on the other (a store that changed is told less).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import (
    Heartbeat,
    KnowsRelations,
    RelationChange,
    Scope,
    Subject,
    SubjectKey,
)
from expunge_connectors.errors import IdentityChangedError, StructureChangedError
from expunge_orchestrator import store_calls
from expunge_orchestrator.holds import hold_tags
from expunge_orchestrator.holds.hold_tags import KnownBy
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Opened, Sealed
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.ledger.states import ChunkState
from expunge_orchestrator.rules import map_differences
from expunge_orchestrator.rules.effective_holds import EffectiveHold
from expunge_orchestrator.rules.outcomes import REVIEWED
from expunge_orchestrator.rules.scope import Actions
from expunge_orchestrator.subjects import followed_keys, index_keys, member_proof
from expunge_orchestrator.workspace import Workspace

MAX_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Transition:
    """Where a chunk goes after a step: to the next one, on to a later `step`, or back to one for another round.

    `settles_at_once`: one that waits does so for no time, but for something else (a blind search).
    """

    step: int | None = None
    state: ChunkState = ChunkState.READY
    failure: str | None = None
    settles_at_once: bool = False


StepWrite = Callable[[Transaction], Transition]
"""What a step writes, inside the fenced transaction that also moves the chunk on. It calls no store."""


@dataclass(frozen=True, slots=True)
class StepContext:
    """One chunk in one step. Stores are called with no transaction open.

    Attributes:
        epoch: What every write of it carries: of two deliveries of a chunk only the later one can write.
        round: Rounds so far, for ever: a step of a chunk is logged once per round.
        opened: What was unsealed on this drive.
        held: Item -> what must not be erased of it, as of the transaction that took the step.
        repeats: Rounds of erasing since the chunk was last taken up; `MAX_ROUNDS` limits these.
        ending: An operator ends the chunk's people where they are: nothing is erased any more (ADR 8).
        step: Its name in the pipeline.
        store: The store of the step, if it has one.
        actions: What was approved: store -> collection -> action.
        changed: Store -> collection -> how it is not what was planned, where the workspace's stores are followed.
    """

    workspace: Workspace
    batch: Batch
    chunk_id: int
    epoch: int
    round: int
    repeats: int
    ending: bool
    items: Sequence[Item]
    cutoffs: Mapping[str, datetime]
    step: str
    store: str
    beat: Heartbeat = field(repr=False)
    held: Mapping[int, EffectiveHold] = field(repr=False)
    opened: Opened = field(repr=False)
    actions: Actions
    changed: Mapping[str, Mapping[str, RelationChange]] = field(default_factory=dict)

    @property
    def touched(self) -> bool:
        """A store was asked to erase something of somebody in the chunk."""
        return any(item.touched for item in self.items)

    @property
    def active(self) -> list[Item]:
        """People without an outcome yet: those that the first half of the pipeline works on."""
        return [item for item in self.items if item.outcome is None]

    @property
    def concluded(self) -> list[Item]:
        """People whose erasure is to be reviewed at settling time."""
        return [item for item in self.items if item.outcome in REVIEWED]

    def require_planned_store(self) -> None:
        """Make sure that the step's store is the one that was planned for (law 4).

        Raises:
            IdentityChangedError: It is another one.
        """
        self._require_mapped(self.store)
        planned = self.batch.plan["stores"][self.store]["identity"]
        if self.workspace.stores[self.store].identity().digest != planned:
            raise IdentityChangedError(
                f"The store {self.store} is not the one that the plan was made for.",
                remedy=self._ways_out("If that one can be put back at its address, do so"),
            )

    def require_planned_relations(self, store: str) -> None:
        """Make sure that a store's collections are those that were planned for.

        Raises:
            StructureChangedError: One is not.
        """
        self._require_mapped(store)
        if changed := self._changed_relations(store):
            raise self._not_as_planned(store, changed)

    def without_others(self) -> StepContext:
        """The same step of people who are ended without stores that are not those of the plan any more.

        Nobody asks these for them: another store at the address is to them what one is that the map does not have.

        Raises:
            ConnectorError: A store cannot say which one it is.
        """
        if not self.ending:
            return self
        planned = self.batch.identities
        stores = {
            name: store
            for name, store in self.workspace.stores.items()
            if name not in planned or store.identity().digest == planned[name]
        }
        return replace(self, workspace=replace(self.workspace, stores=stores))

    def following(self) -> StepContext:
        """The same step with its stores as they are built by now, once erasing is over.

        What was renamed is looked for by its name; what was dropped is gone, and is stated as that. Of people who are
        ended everything else is left out as well.

        Raises:
            StructureChangedError: Something else changed, and nobody ends these people.
        """
        found = {store: self._changed_relations(store) for store in self.batch.relations}
        changed = {store: one for store, one in found.items() if one}
        for store, changes in changed.items():
            if not self.ending and not all(one.settles for one in changes.values()):
                raise self._not_as_planned(store, changes)
        if not changed:
            return self
        return replace(self, workspace=workspace_following(self.workspace, changed, self.batch.scope), changed=changed)

    def dropped(self, store: str) -> frozenset[str]:
        """Collections whose table was seen to be gone, with its rows; of a context that is `following`."""
        return frozenset(name for name, one in self.changed.get(store, {}).items() if one.dropped)

    def changed_collections(self, store: str) -> frozenset[str]:
        """Collections that are not there any more, or not what was planned; of a context that is `following`."""
        return self.dropped(store) | self.out_of_sight(store)

    def out_of_sight(self, store: str) -> frozenset[str]:
        """Collections that cannot be looked into any more; of a context that is `following`."""
        if not self.mapped(store):
            return frozenset(self.actions.get(store, {}))
        changed = self._decided_otherwise(store) if self.ending else frozenset()
        changed |= {name for name, one in self.changed.get(store, {}).items() if not one.settles}
        kept = self.workspace.data_map.stores[store].collection_specs()
        return frozenset(changed | (self.actions.get(store, {}).keys() - kept.keys() - self.dropped(store)))

    def _decided_otherwise(self, store: str) -> frozenset[str]:
        """Collections that this map would look into otherwise than the plan's: nothing is said of them (ADR 27)."""
        batch, data_map = self.batch, self.workspace.data_map
        if batch.map_digest == self.workspace.map_digest:
            return frozenset()
        return map_differences.unseen(map_differences.differences(batch.decided, data_map), store, data_map)

    @property
    def any_out_of_sight(self) -> frozenset[str]:
        """Stores of which something cannot be looked into any more; of a context that is `following`."""
        return frozenset(store for store in self.actions if self.out_of_sight(store))

    def mapped(self, store: str) -> bool:
        """Whether there is a store to be asked: one that is gone for good is taken out of the data map.

        And of people who are ended, one in whose place another one answers is left out (`without_others`).
        """
        return store in self.workspace.stores

    def _require_mapped(self, store: str) -> None:
        if not self.mapped(store):
            raise IdentityChangedError(
                f"The data map has no store {store} any more, which the plan was made for.",
                remedy=self._ways_out("Put it back"),
            )

    def _changed_relations(self, store: str) -> Mapping[str, RelationChange]:
        if not self.mapped(store):
            return {}
        planned = self.batch.relations.get(store, {})
        return store_calls.changed_relations(self.workspace.stores[store], planned, self.batch.scope)

    def _not_as_planned(self, store: str, changed: Mapping[str, RelationChange]) -> StructureChangedError:
        return StructureChangedError(
            f"The store {store} is not as it was when the plan was made: {describe_changed(changed)}.",
            remedy=self._ways_out("Put it back"),
        )

    def _ways_out(self, mend: str) -> str:
        untouched = [item for item in self.active if not item.touched]
        uid = self.batch.uid
        ways = [f"end the batch (`expunge end {uid}`), which states that nobody looked there any more"] * (
            len(untouched) < len(self.items)
        )
        ways += [f"withdraw these people (`expunge cancel {uid}`)"] * bool(untouched)
        return f"{mend} and run `expunge retry {uid}`. Or {' or '.join(ways)}, then plan these people again."

    def subjects(
        self, items: Sequence[Item], store: str | None = None, *, to_look: bool = False, to_erase: bool = False
    ) -> list[Subject]:
        """The people with all their accepted keys, unsealed, as far as a store (the step's own) may be told them.

        Of whom something was erased, without the keys that somebody else has since; not where a store is only looked
        into, which sees first whether there is anything. What a store is to erase goes by nobody's key but the
        person's, as far as other stores can tell: it tells of its own records itself, as it erases them.
        """
        name, scope = store or self.store, self.batch.scope
        sealed = [self.subject(item) for item in items]
        visible = self._together(member_proof.visible_to(name, sealed, scope, self.workspace.data_map))
        changed = [one for one in self.changed if self.out_of_sight(one)]
        if not to_look:
            begun = [item.id for item in items if item.touched]
            visible = followed_keys.without_given_again(visible, self.given_again(begun, items))
        if to_erase:
            fresh = [item.id for item in items if not item.touched]
            visible = followed_keys.without_given_again(visible, self.given_again(fresh, items, erasing=name))
        return followed_keys.without_claimed(
            name, visible, scope, self.workspace, cutoffs=self.cutoffs, changed=changed
        )

    def given_again(
        self, asked: Collection[int], items: Sequence[Item], erasing: str | None = None
    ) -> dict[int, frozenset[SubjectKey]]:
        """Item id -> keys of the person that somebody else has by now; of those with any.

        Args:
            asked: Of whom (ids).
            items: All who are at work with them: what people share who all go is theirs.
            erasing: A store that says itself, as it erases, whose its keys are. It is asked of what was told
                alone, and only where records of other stores, of which it knows nothing, lead into it.
        """
        everywhere = followed_keys.knowing(self.workspace, self.cutoffs)
        know = {name: one for name, one in everywhere.items() if name != erasing}
        led = self.workspace.led[erasing] if erasing in everywhere else frozenset()
        if not asked or not (know or led):
            return {}
        known = self._together([self.subject(item) for item in items])
        subjects = [one for one in known if one.number in asked]
        if subjects:  # a record of two people who both go is none of somebody else's
            subjects += [Subject(one.number, frozenset(), known=one.keys) for one in known if one.number not in asked]
        scope, cutoffs = self.batch.scope, self.cutoffs
        found = followed_keys.given_again(subjects, scope, self.workspace, know, cutoffs) if know else {}
        if led and any(key.namespace in led for one in subjects for key in one.keys):
            again = followed_keys.given_again(subjects, scope, self.workspace, everywhere, cutoffs)
            for one in subjects:
                if told := again.get(one.number, frozenset()) & index_keys.told(one, self.workspace.data_map):
                    found[one.number] = found.get(one.number, frozenset()) | told
        return found

    def _together(self, subjects: Sequence[Subject]) -> list[Subject]:
        """The subjects with the values that people share who all go: what of them is followed depends on the stores.

        Of somebody on hold something stays, and so does what anybody shares with them.
        """
        if not any(one.shared for one in subjects):
            return list(subjects)
        going = {one.number for one in subjects} - self.held.keys()
        staying = (self.shared(item) for item in self.items if item.id not in going and item.sealed_keys is not None)
        return followed_keys.followed_together(
            subjects, self.workspace.data_map, frozenset[SubjectKey]().union(*staying)
        )

    def unsealed(self, item: Item) -> frozenset[SubjectKey]:
        """A person's accepted keys, with their marks."""
        return self.subject(item).keys

    def subject(self, item: Item) -> Subject:
        """The person with everything that is known of them."""
        assert item.sealed_keys is not None
        person = self.opened.people.get(item.sealed_keys)
        if person is None:
            person = member_proof.subject(item.id, self._unsealed(item, Sealed.KEYS, item.sealed_keys))
            self.opened.people[item.sealed_keys] = person
        return person

    def shared(self, item: Item) -> frozenset[SubjectKey]:
        """Values that an earlier resolution found in the person's own record and in another's."""
        return self.subject(item).shared

    def known_by(self, item: Item, aliases: Aliases) -> KnownBy:
        """By what the plan, or an earlier resolution, knew the person: holds ask by these."""
        sealed = self._unsealed(item, Sealed.KEYS, item.sealed_keys)
        return hold_tags.known_by(sealed, aliases)

    def foreseen(self, item: Item) -> frozenset[SubjectKey]:
        """What the plan foresaw that rows tell which people share, and that was not followed yet."""
        return member_proof.foreseen(self._unsealed(item, Sealed.KEYS, item.sealed_keys))

    def unread(self, item: Item) -> frozenset[SubjectKey]:
        """What records of the person named and nobody could read, by store and collection."""
        return frozenset() if item.sealed_keys is None else self.subject(item).unread

    def sealed_with_unread(self, item: Item, unread: frozenset[SubjectKey]) -> bytes:
        """The person's keys, sealed anew with more of what nobody could read among them."""
        return self.sealed(item, self._unsealed(item, Sealed.KEYS, item.sealed_keys) | unread)

    def sealed(self, item: Item, keys: frozenset[SubjectKey]) -> bytes:
        """The keys sealed for the person: as the ledger has them where they are the same."""
        assert item.wrapped_key is not None
        if item.sealed_keys is not None and self._unsealed(item, Sealed.KEYS, item.sealed_keys) == keys:
            return item.sealed_keys
        closed = self.seal().close(item.wrapped_key, Sealed.KEYS, item.series, keys)
        self.opened.keys[closed] = keys  # the next steps of this drive need them
        return closed

    def identifiers(self, items: Sequence[Item]) -> dict[int, frozenset[SubjectKey]]:
        """Item id -> the identifiers of the request, unsealed."""
        return {item.id: self._unsealed(item, Sealed.IDENTIFIERS, item.sealed_identifiers) for item in items}

    def seal(self) -> ItemCipher:
        """The seal of this installation."""
        return ItemCipher(self.workspace.keys.wrapping)

    def _unsealed(self, item: Item, what: Sealed, sealed: bytes | None) -> frozenset[SubjectKey]:
        assert item.wrapped_key is not None
        assert sealed is not None
        keys = self.opened.keys.get(sealed)
        if keys is None:
            keys = self.opened.keys[sealed] = self.seal().open(item.wrapped_key, what, item.series, sealed)
        return keys


def workspace_following(
    workspace: Workspace, changed: Mapping[str, Mapping[str, RelationChange]], scope: Scope
) -> Workspace:
    """The workspace with these stores as far as they still are what was planned."""
    stores = dict(workspace.stores)
    for name, changes in changed.items():
        store = stores[name]
        assert isinstance(store, KnowsRelations)
        stores[name] = store.following(changes, scope)
    return replace(workspace, stores=stores)


def describe_changed(changed: Mapping[str, RelationChange]) -> str:
    """Some of what is not what it was planned to be."""
    listed = [f"{name}: {how.said}" for name, how in sorted(changed.items())]
    return "; ".join(listed[:3]) + (f"; and {len(listed) - 3} more" if len(listed) > 3 else "")  # noqa: PLR2004
