"""Law 2: identifiers nominate, they do not prove."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pytest

from expunge_config.datamap import Assurance, DataMap, Identity, IdentityKind
from expunge_connectors.contract import HEARSAY, SINCE, DiscoveredKey, Subject, SubjectKey, claim_text
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.table_spec import TableSpec
from expunge_orchestrator.rules.identity_resolution import Indexes, Lookup, resolve
from expunge_orchestrator.rules.key_graph import same_person
from expunge_orchestrator.rules.resolution_answers import Ambiguity, Resolved, Said

USER_7 = SubjectKey("user_id", "7")
USER_9 = SubjectKey("user_id", "9")
CALLER_7 = SubjectKey("caller_id", "7")
CALLER_9 = SubjectKey("caller_id", "9")
EMAIL = SubjectKey("email", "ann@mail.example")
OTHER_EMAIL = SubjectKey("email", "bob@mail.example")
PHONE = SubjectKey("phone", "+4930000001")
TOLD_PHONE = SubjectKey(f"{HEARSAY}phone", PHONE.value)
HOME = SubjectKey("postal_address", "1 elm street")
ROW_7, ROW_9 = SubjectKey("main.users.id", "7"), SubjectKey("main.users.id", "9")
SHARED = SubjectKey("main.members.household_id", "5")
TOKEN = SubjectKey("session_token", "t1")


@pytest.fixture
def data_map() -> DataMap:
    identities = {
        "user_id": Identity(kind=IdentityKind.PERSON),
        "caller_id": Identity(kind=IdentityKind.PERSON),
        "email": Identity(kind=IdentityKind.REUSABLE),
        "phone": Identity(kind=IdentityKind.REUSABLE),
        "postal_address": Identity(kind=IdentityKind.REUSABLE, shareable=True),
        "session_token": Identity(kind=IdentityKind.INTERNAL),
    }
    return DataMap.model_construct(identities=identities, stores={})


def lookup_over(edges: dict[SubjectKey, set[SubjectKey]], collection: str = "collection") -> Lookup:
    def told(subjects: Sequence[Subject]) -> Iterator[DiscoveredKey]:
        for subject in subjects:
            ahead = list(subject.keys)
            seen = set(ahead)
            while ahead:
                via = ahead.pop()
                for key in edges.get(via, ()):
                    yield DiscoveredKey(subject.number, via, collection, key)
                    if key.namespace.count(".") and key not in seen:  # a connector follows its own paths to the end
                        seen.add(key)
                        ahead.append(key)

    return lambda subjects: [("main", list(told(subjects)))]


def nothing_told(subjects: Sequence[Subject]) -> Mapping[int, frozenset[SubjectKey]]:
    """No record of anybody else holds what these people's records merely tell."""
    del subjects
    return {}


def answer(given: set[SubjectKey], edges: dict[SubjectKey, set[SubjectKey]], data_map: DataMap) -> Resolved:
    return resolve({1: frozenset(given)}, lookup_over(edges), nothing_told, data_map)[1]


def test_an_email_leads_to_the_person_and_to_what_only_the_person_has(data_map: DataMap) -> None:
    edges = {EMAIL: {USER_7, ROW_7, PHONE}, PHONE: {USER_7, ROW_7}, USER_7: {TOKEN, ROW_7}}
    found = answer({EMAIL}, edges, data_map)
    assert found == Resolved(frozenset({EMAIL, USER_7, ROW_7, PHONE, TOKEN, TOLD_PHONE}))


def test_two_persons_behind_one_phone_are_ambiguous(data_map: DataMap) -> None:
    found = answer({PHONE}, {PHONE: {USER_7, USER_9}}, data_map)
    assert found == Resolved(frozenset(), Ambiguity.SEVERAL_PERSONS)


def test_two_persons_behind_one_phone_through_rows_are_ambiguous(data_map: DataMap) -> None:
    row_9 = SubjectKey("main.users.id", "9")
    edges = {PHONE: {ROW_7, row_9}, ROW_7: {USER_7}, row_9: {USER_9}}
    assert answer({PHONE}, edges, data_map).ambiguity is Ambiguity.SEVERAL_PERSONS


def merging(data_map: DataMap) -> DataMap:
    """The map says that a phone number makes persons of two kinds one human."""
    declared = Identity(
        kind=IdentityKind.REUSABLE, same_person=Assurance(reason="One sign-in", approved_by="A. Officer")
    )
    return data_map.model_copy(update={"identities": data_map.identities | {"phone": declared}})


def test_an_account_holder_and_a_caller_with_one_phone_are_one_person_where_the_map_says_so(data_map: DataMap) -> None:
    edges = {PHONE: {USER_7, CALLER_7}}
    assert answer({PHONE}, edges, merging(data_map)).keys == {PHONE, USER_7, CALLER_7}
    assert answer({PHONE}, edges, data_map) == Resolved(frozenset(), Ambiguity.SEVERAL_PERSONS)


def test_the_number_in_a_persons_record_is_not_followed_to_an_account_whose_key_leads_to_another_one(
    data_map: DataMap,
) -> None:
    """By whatever keys the second account is known: a number leads only where it is one person's."""
    for between in {}, {ROW_7: {USER_9}}:
        own = {CALLER_7: {PHONE}, PHONE: {CALLER_7, USER_7, *between}, USER_7: {PHONE, USER_9}, **between}
        lookup, stores = own_and_told(own, {})
        both = merging(data_map).model_copy(update={"stores": stores.stores})
        found = resolve({1: frozenset({CALLER_7})}, lookup, nothing_told, both)[1]
        assert (found.keys, found.ambiguity, found.shared) == ({CALLER_7}, None, {PHONE})


@pytest.mark.parametrize("between", [USER_7, CALLER_7])
def test_they_are_one_person_where_a_record_of_the_one_names_the_other(data_map: DataMap, between: SubjectKey) -> None:
    other = CALLER_7 if between == USER_7 else USER_7
    edges = {PHONE: {USER_7, CALLER_7}, between: {ROW_7}, ROW_7: {other}}
    assert {USER_7, CALLER_7} < answer({PHONE}, edges, data_map).keys


@pytest.mark.parametrize("between", [False, True])
@pytest.mark.parametrize("given", [{PHONE}, {USER_7}], ids=["by the number", "by the account"])
def test_an_index_leads_to_no_person_of_another_kind_than_whose_record_holds_the_value(
    data_map: DataMap, given: set[SubjectKey], *, between: bool
) -> None:
    """The number in the user's record is the user's; that the caller is the same human, the map has to say."""
    told = {PHONE: {TOKEN}, TOKEN: {CALLER_9}} if between else {PHONE: {CALLER_9}}
    lookup, stores = own_and_told({USER_7: {PHONE}, PHONE: {USER_7}}, told)
    both = data_map.model_copy(update={"stores": stores.stores})
    found = resolve({1: frozenset(given)}, lookup, nothing_told, both)[1]
    assert (found.keys, found.shared) == ({USER_7, PHONE}, {TOKEN if between else CALLER_9})
    merged = resolve({1: frozenset(given)}, lookup, nothing_told, merging(both))[1]
    assert CALLER_9 in merged.keys
    named = resolve({1: frozenset(given | {USER_7, CALLER_9})}, lookup, nothing_told, both)[1]
    assert {USER_7, CALLER_9} < named.keys


def test_persons_known_from_before_are_one_though_the_record_is_gone_that_linked_them(data_map: DataMap) -> None:
    """A late record names the account by the number, when the account's row is erased."""
    for given in {PHONE}, {PHONE, CALLER_7}:
        before = {1: frozenset({PHONE, USER_7, CALLER_7})}
        told = lookup_over({PHONE: {USER_7, CALLER_7}})
        assert resolve({1: frozenset(given)}, told, nothing_told, data_map, known=before)[1].ambiguity is None


@pytest.mark.parametrize("other", [EMAIL, CALLER_9])
def test_a_value_beside_a_key_of_another_kind_of_person_disagrees(data_map: DataMap, other: SubjectKey) -> None:
    """Dora gives her own number as a caller and the phone of Ann, an account holder; or two values name the two."""
    edges = {PHONE: {USER_7}, EMAIL: {CALLER_9}}
    assert answer({PHONE, other}, edges, data_map).ambiguity is Ambiguity.KEYS_DISAGREE
    assert {USER_7, CALLER_9} < answer({PHONE, USER_7, CALLER_9}, edges, data_map).keys
    if other == CALLER_9:
        assert {USER_7, CALLER_9} < answer({PHONE, other}, edges, merging(data_map)).keys


def test_email_and_user_id_that_disagree_are_ambiguous(data_map: DataMap) -> None:
    found = answer({EMAIL, USER_9}, {EMAIL: {USER_7}, USER_9: {OTHER_EMAIL}, OTHER_EMAIL: {USER_9}}, data_map)
    assert found.ambiguity is Ambiguity.KEYS_DISAGREE


def test_a_given_key_that_leads_nowhere_beside_one_that_does_is_ambiguous(data_map: DataMap) -> None:
    assert answer({EMAIL, USER_9}, {}, data_map).ambiguity is Ambiguity.KEYS_DISAGREE


def test_a_yielded_phone_that_somebody_else_has_too_is_not_followed(data_map: DataMap) -> None:
    edges = {USER_7: {PHONE, ROW_7}, PHONE: {USER_7, USER_9}, USER_9: {SubjectKey("session_token", "of 9")}}
    found = answer({USER_7}, edges, data_map)
    assert found == Resolved(frozenset({USER_7, ROW_7}), None, frozenset({PHONE}), doubtful=frozenset({PHONE}))


def test_a_household_address_alone_names_nobody(data_map: DataMap) -> None:
    assert answer({HOME}, {HOME: {USER_7}}, data_map).ambiguity is Ambiguity.SHAREABLE_ALONE
    assert answer({HOME}, {HOME: {USER_7, USER_9}}, data_map).ambiguity is Ambiguity.SEVERAL_PERSONS


def test_a_shareable_key_agrees_but_never_selects(data_map: DataMap) -> None:
    found = answer({HOME, EMAIL}, {HOME: {USER_7}, EMAIL: {USER_7}}, data_map)
    assert found.keys == {EMAIL, USER_7}


def test_nobody_found_is_no_ambiguity(data_map: DataMap) -> None:
    assert answer({EMAIL}, {}, data_map) == Resolved(frozenset({EMAIL}))


LEADS_TO = {
    "two of another kind": ({USER_7}, {USER_7: {CALLER_7, CALLER_9}}, "caller_id"),
    "two of another kind, beside an address": (
        {EMAIL, USER_7},
        {EMAIL: {USER_7}, USER_7: {CALLER_7, CALLER_9}},
        "caller_id",
    ),
    "two of another kind, by an address of the account": (
        {EMAIL},
        {EMAIL: {USER_7}, USER_7: {CALLER_7, CALLER_9}},
        "caller_id",
    ),
    "one of the two": ({CALLER_7}, {CALLER_7: {USER_7}, USER_7: {CALLER_7, CALLER_9}}, "caller_id"),
    "another of its kind": ({USER_7}, {USER_7: {TOKEN}, TOKEN: {USER_9}}, "user_id"),
}


@pytest.mark.parametrize("how", LEADS_TO)
def test_records_that_lead_from_one_person_to_several_are_ambiguous_and_it_is_said_of_which_kind(
    data_map: DataMap, how: str
) -> None:
    """No other identifier would help: the given one names one person, and the map makes several of it."""
    given, edges, kind = LEADS_TO[how]
    assert answer(given, edges, data_map) == Resolved(frozenset(), f"{Ambiguity.LEADS_TO_SEVERAL}: {kind}")


def test_a_chunk_is_resolved_in_rounds_not_one_by_one(data_map: DataMap) -> None:
    rounds = 0
    inner = lookup_over({EMAIL: {USER_7}, OTHER_EMAIL: {USER_9}, USER_7: {TOKEN}})

    def counting(subjects: Sequence[Subject]) -> Iterable[tuple[str, Iterable[DiscoveredKey]]]:
        nonlocal rounds
        rounds += 1
        return inner(subjects)

    given = {1: frozenset({EMAIL}), 2: frozenset({OTHER_EMAIL}), 3: frozenset({USER_7})}
    resolved = resolve(given, counting, nothing_told, data_map)
    assert resolved[1].keys == {EMAIL, USER_7, TOKEN}
    assert resolved[2].keys == {OTHER_EMAIL, USER_9}
    assert rounds <= 4


LEAD_1, LEAD_2 = SubjectKey("main.leads.id", "1"), SubjectKey("main.leads.id", "2")


def test_two_identifiers_of_two_strangers_without_a_person_key_disagree(data_map: DataMap) -> None:
    assert answer({EMAIL, PHONE}, {EMAIL: {LEAD_1}, PHONE: {LEAD_2}}, data_map).ambiguity is Ambiguity.KEYS_DISAGREE
    assert answer({EMAIL, PHONE}, {EMAIL: {LEAD_1}}, data_map).ambiguity is Ambiguity.KEYS_DISAGREE


def test_two_identifiers_that_meet_in_one_record_agree(data_map: DataMap) -> None:
    found = answer({EMAIL, PHONE}, {EMAIL: {LEAD_1}, PHONE: {LEAD_1}}, data_map)
    assert found == Resolved(frozenset({EMAIL, PHONE, LEAD_1}))


def test_a_strangers_email_in_a_record_that_only_a_yielded_phone_led_to_is_not_followed(data_map: DataMap) -> None:
    edges = {CALLER_7: {PHONE}, PHONE: {CALLER_7, LEAD_1}, LEAD_1: {OTHER_EMAIL}, OTHER_EMAIL: {LEAD_1, LEAD_2}}
    found = answer({CALLER_7}, edges, data_map)
    accepted, told = frozenset({CALLER_7, PHONE, LEAD_1, TOLD_PHONE}), frozenset({OTHER_EMAIL})
    assert found == Resolved(accepted, None, told, doubtful=told)


def again(
    given: set[SubjectKey], known: set[SubjectKey], edges: dict[SubjectKey, set[SubjectKey]], data_map: DataMap
) -> Resolved:
    """A further round, in which keys are known from before."""
    return resolve({1: frozenset(given)}, lookup_over(edges), nothing_told, data_map, known={1: frozenset(known)})[1]


def test_what_came_since_is_reached_over_a_known_key(data_map: DataMap) -> None:
    """The record that led to the phone is gone: the phone is known, and a late record yields a token."""
    found = again({USER_7}, {USER_7, PHONE, ROW_7}, {PHONE: {TOKEN}}, data_map)
    assert found == Resolved(frozenset({USER_7, PHONE, ROW_7, TOKEN}))
    assert TOKEN in again({USER_7}, {USER_7, ROW_7}, {ROW_7: {TOKEN}}, data_map).keys


def test_what_only_a_known_key_leads_to_that_is_let_go_is_let_go_with_it(data_map: DataMap) -> None:
    """Of several, those stay that a key which is still the person's leads to as well."""
    data_map.identities["device"] = Identity(kind=IdentityKind.INTERNAL)
    devices = [SubjectKey("device", f"d{number}") for number in range(8)]
    below = {SubjectKey("session_token", f"below {one.value}") for one in devices}
    edges = {
        PHONE: {USER_9, *devices},
        USER_7: {EMAIL, devices[0]},
        EMAIL: {USER_7, devices[1]},
        **{one: {SubjectKey("session_token", f"below {one.value}")} for one in devices},
    }
    found = again({USER_7}, {EMAIL, PHONE, *devices, *below}, edges, data_map)
    kept = {*devices[:2], SubjectKey("session_token", "below d0"), SubjectKey("session_token", "below d1")}
    assert found.keys == {USER_7, EMAIL} | kept
    assert found.refused == {PHONE, *devices, *below} - kept
    assert found.shared >= {*devices, *below} - kept


def test_a_known_key_that_is_somebody_elses_by_now_is_not_followed(data_map: DataMap) -> None:
    for edges in ({PHONE: {TOKEN, USER_9}}, {PHONE: {TOKEN, LEAD_1}, LEAD_1: {CALLER_7}}):
        found = again({USER_7}, {USER_7, PHONE}, edges, data_map)
        assert found == Resolved(frozenset({USER_7}), None, frozenset({PHONE}), frozenset({PHONE}))
    assert again({USER_7}, {USER_7, ROW_7}, {ROW_7: {USER_9, TOKEN}}, data_map).keys == {USER_7}


@pytest.mark.parametrize("given", [USER_7, EMAIL])
def test_a_known_person_who_is_somebody_elses_by_now_is_not_followed(data_map: DataMap, given: SubjectKey) -> None:
    """An ended request of 7 kept the caller, whose row names 9 by now; so does what only the caller's row led to."""
    edges = {EMAIL: {USER_7}, CALLER_7: {USER_9, ROW_7}, TOKEN: {CALLER_7}, USER_9: {OTHER_EMAIL}}
    kept = {USER_7, CALLER_7, ROW_7, TOKEN, LEAD_1}
    found = again({given}, kept, edges, data_map)
    passed_on = frozenset({CALLER_7, ROW_7, TOKEN})
    assert found == Resolved(frozenset({given, USER_7, LEAD_1}), None, passed_on, passed_on)


def test_nor_is_one_beside_whom_somebody_else_was_found(data_map: DataMap) -> None:
    """Nobody has the row any more by which 7 and the caller were one person, and the caller is 9 by another."""
    found = again({CALLER_7}, {USER_7, TOKEN}, {CALLER_7: {USER_9}}, data_map)
    assert found == Resolved(frozenset({CALLER_7, USER_9, TOKEN}), None, frozenset({USER_7}), frozenset({USER_7}))


def test_a_known_person_who_leads_to_nobody_else_is_followed(data_map: DataMap) -> None:
    found = again({USER_7}, {USER_7, CALLER_7}, {CALLER_7: {TOKEN}, TOKEN: {USER_7}}, data_map)
    assert found == Resolved(frozenset({USER_7, CALLER_7, TOKEN}))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({USER_7}, {USER_7, CALLER_7}, True),
        ({USER_7, CALLER_7}, {USER_7, CALLER_7}, True),
        ({USER_9, CALLER_7}, {USER_7, CALLER_7}, False),  # the caller passed on
        ({USER_7}, {USER_9}, False),
        ({USER_7}, {CALLER_7}, False),  # perhaps
        (set(), {USER_7}, False),
        (set(), set(), False),
    ],
)
def test_person_keys_of_one_person_have_one_in_common_and_none_that_differs(
    one: set[SubjectKey], other: set[SubjectKey], *, same: bool
) -> None:
    assert same_person(one, other) is same_person(other, one) is same


def test_known_keys_do_not_disagree(data_map: DataMap) -> None:
    """They lead to nobody any more, because the account is a tombstone."""
    found = again({USER_7}, {USER_7, EMAIL, PHONE}, {USER_7: {ROW_7}}, data_map)
    assert found == Resolved(frozenset({USER_7, EMAIL, PHONE, ROW_7}))


def test_an_email_in_what_only_a_known_phone_led_to_is_not_followed(data_map: DataMap) -> None:
    edges = {PHONE: {LEAD_1}, LEAD_1: {OTHER_EMAIL}, OTHER_EMAIL: {LEAD_2}}
    found = again({USER_7}, {USER_7, PHONE}, edges, data_map)
    accepted, told = frozenset({USER_7, PHONE, LEAD_1}), frozenset({OTHER_EMAIL})
    assert found == Resolved(accepted, None, told, doubtful=told)


def test_what_cannot_be_read_is_told_of_the_persons_own_records_alone(data_map: DataMap) -> None:
    """It leads nowhere, and counts where the way to it is followed."""
    mine, theirs = SubjectKey("unread:main.users", "1"), SubjectKey("unread:main.notes", "2")
    told = [DiscoveredKey(1, USER_7, "users", mine), DiscoveredKey(1, OTHER_EMAIL, "notes", theirs)]
    answer = resolve({1: frozenset([USER_7])}, lambda _: [("main", told)], nothing_told, data_map)[1]
    assert answer.unread == {mine}
    assert answer.keys == {USER_7}
    told = [DiscoveredKey(1, key, "leads", theirs) for key in (EMAIL, PHONE)]
    answer = resolve({1: frozenset([EMAIL, PHONE])}, lambda _: [("main", told)], nothing_told, data_map)[1]
    assert answer.unread == {theirs}
    assert answer.keys == {EMAIL, PHONE}


def test_a_strangers_address_beside_the_persons_key_is_not_asked_first(data_map: DataMap) -> None:
    edges = {EMAIL: {OTHER_EMAIL, USER_7}, OTHER_EMAIL: {USER_9}}
    assert OTHER_EMAIL < USER_7
    found = answer({EMAIL}, edges, data_map)
    assert (found.keys, found.ambiguity, found.refused) == ({EMAIL, USER_7}, None, {OTHER_EMAIL})


@pytest.mark.parametrize("beside", [set(), {HOME}], ids=["alone", "beside a home"])
def test_a_given_value_that_another_person_holds_under_another_name_names_nobody(
    data_map: DataMap, beside: set[SubjectKey]
) -> None:
    """A shareable value selects nobody, so that it stands beside the other one changes nothing."""

    def held(subjects: Sequence[Subject]) -> Mapping[int, frozenset[SubjectKey]]:
        return {one.number: one.keys & {EMAIL} for one in subjects}

    given = {1: frozenset({EMAIL} | beside)}
    found = resolve(given, lookup_over({}), nothing_told, data_map, by_other_names=held)[1]
    assert found == Resolved(frozenset(), Ambiguity.SEVERAL_PERSONS)


def test_hearsay_is_nobodys_unless_it_leads_to_somebody_else(data_map: DataMap) -> None:
    """Of an address that records of several people hold; what leads to Bob is his for certain, and is not asked of."""
    asked: list[Subject] = []

    def held(subjects: Sequence[Subject]) -> Mapping[int, frozenset[SubjectKey]]:
        asked.extend(subjects)
        return {one.number: one.doubtful for one in subjects}

    def found(edges: dict[SubjectKey, set[SubjectKey]], collection: str = "collection") -> Resolved:
        return resolve({1: frozenset([USER_7])}, lookup_over(edges, collection), held, data_map)[1]

    edges = {USER_7: {OTHER_EMAIL}, OTHER_EMAIL: {TOKEN}}
    assert (found(edges).keys, found(edges).doubtful) == ({USER_7}, {OTHER_EMAIL})
    assert asked[0] == Subject(1, frozenset([USER_7]), doubtful=frozenset([OTHER_EMAIL])), "without what it led to"
    asked.clear()
    bobs = found({USER_7: {OTHER_EMAIL}, OTHER_EMAIL: {USER_9}})
    assert (bobs.keys, bobs.refused, bobs.doubtful, asked) == ({USER_7}, {OTHER_EMAIL}, frozenset(), [])


def test_hearsay_that_was_followed_is_asked_about_in_every_round(data_map: DataMap) -> None:
    """Not so what is known to have been in the person's own record, of which no later round can tell."""
    asked: list[Subject] = []
    theirs = frozenset[SubjectKey]()

    def held(subjects: Sequence[Subject]) -> Mapping[int, frozenset[SubjectKey]]:
        asked.extend(subjects)
        return {one.number: one.doubtful & theirs for one in subjects}

    def found(known: frozenset[SubjectKey]) -> Resolved:
        given = {1: frozenset([USER_7])}
        return resolve(given, lookup_over({USER_7: {PHONE}, PHONE: {TOKEN}}), held, data_map, known={1: known})[1]

    told = found(frozenset())
    assert told.keys == {USER_7, PHONE, TOKEN, TOLD_PHONE}
    assert Subject(1, told.keys).hearsay == {PHONE}
    assert Subject(1, told.keys, attributed=frozenset([PHONE])).hearsay == frozenset()
    asked.clear()
    assert (found(told.keys).keys, [one.doubtful for one in asked]) == (told.keys, [{PHONE}])
    theirs = frozenset([PHONE])
    again = found(told.keys - {TOKEN})
    assert PHONE in again.shared - again.keys
    assert TOKEN not in again.keys
    asked.clear()
    assert (found(told.keys - {TOLD_PHONE}).keys, asked) == (told.keys - {TOLD_PHONE}, [])


@pytest.mark.parametrize("order", [("main", "shop"), ("shop", "main")])
@pytest.mark.parametrize("given", [{PHONE}, {PHONE, USER_7}])
def test_what_another_store_said_before_it_was_known_since_when_a_value_is_theirs_is_asked_again(
    data_map: DataMap, given: set[SubjectKey], order: tuple[str, str]
) -> None:
    """A booking of the predecessor's names a token: the store of the bookings was not told the time at first."""
    since, old = SubjectKey(f"{SINCE}phone", claim_text("2024-05-05", PHONE.value)), SubjectKey("session_token", "old")

    def lookup(subjects: Sequence[Subject]) -> Iterator[tuple[str, list[DiscoveredKey]]]:
        [one] = subjects
        users = {PHONE: {USER_7, PHONE, since}, USER_7: {USER_7, PHONE, since}}
        bookings = {PHONE: {TOKEN} if since in one.keys else {TOKEN, old}}
        for store in order:
            told = users if store == "main" else bookings
            yield store, [DiscoveredKey(1, via, store, key) for via in one.keys for key in told.get(via, ())]

    found = resolve({1: frozenset(given)}, lookup, nothing_told, data_map)[1]
    assert found.keys == {PHONE, USER_7, TOKEN, since}


@pytest.mark.parametrize("others", [set(), {"between"}, {"elsewhere"}])
def test_one_index_leads_to_another_by_no_key_of_somebody_elses(data_map: DataMap, others: set[str]) -> None:
    """Asked is about the key between the two alone, once nothing more is let go."""
    between, last = (SubjectKey("session_token", name) for name in ("between", "last"))
    edges = {"main": {EMAIL: {USER_7}}, "cache": {USER_7: {between, TOKEN}, between: {last}}}
    asked: list[frozenset[SubjectKey]] = []

    def lookup(subjects: Sequence[Subject]) -> Iterator[tuple[str, list[DiscoveredKey]]]:
        for store, leads in edges.items():
            told = [(one.number, via, key) for one in subjects for via in one.keys for key in leads.get(via, ())]
            yield store, [DiscoveredKey(number, via, store, key) for number, via, key in told]

    def held(subjects: Sequence[Subject]) -> Mapping[int, frozenset[SubjectKey]]:
        [ann] = subjects
        asked.append(ann.keys)
        named = {"between": {between}, "elsewhere": {TOKEN, USER_7}}
        return {1: frozenset(ann.keys).intersection(*(named[name] for name in others))} if others else {}

    found = resolve(
        {1: frozenset({EMAIL})}, lookup, nothing_told, data_map, indexes=Indexes(frozenset({"cache"}), held)
    )[1]
    everything = frozenset({EMAIL, USER_7, TOKEN, between, last})
    assert asked == [everything]
    if others == {"between"}:
        assert found == Resolved(everything - {between, last}, None, frozenset({between}), frozenset({between}))
    else:
        assert found == Resolved(everything)


def test_a_value_that_was_attributed_to_another_person_is_never_followed(data_map: DataMap) -> None:
    """Nor where the records say that it is this person's alone, the request names it, or a plan knew it."""
    said = {1: Said(of_another=frozenset([PHONE]))}
    lookup = lookup_over({USER_7: {PHONE}, PHONE: {USER_7, TOKEN}})

    def found(given: set[SubjectKey], *known: SubjectKey) -> Resolved:
        return resolve({1: frozenset(given)}, lookup, nothing_told, data_map, known={1: frozenset(known)}, said=said)[1]

    for one in (found({USER_7}), found({USER_7, PHONE}), found({USER_7}, PHONE)):
        assert (one.keys, one.refused, one.shared, one.doubtful) == ({USER_7}, {PHONE}, set(), {PHONE})
    led_to = found({USER_7}, PHONE, TOKEN)
    assert (led_to.keys, led_to.doubtful) == ({USER_7}, {PHONE})
    assert found({PHONE}) == Resolved(frozenset(), Ambiguity.OF_ANOTHER_ALONE)


def test_a_denial_says_that_it_is_the_staffs_word_whose_a_value_is() -> None:
    """Who reads the receipt does not take the two who decided for customers."""
    assert Ambiguity.OF_ANOTHER_ALONE == (
        "an identifier that we know, on the word of two of our staff, to be another person's does not name this person"
    )


def own_and_told(
    own: dict[SubjectKey, set[SubjectKey]], told: dict[SubjectKey, set[SubjectKey]]
) -> tuple[Lookup, DataMap]:
    """Records that are persons say the one, an index the other; and a map in which they are that."""
    users = TableSpec.model_construct(person="user_id", log=None)
    main = PostgresSpec.model_construct(connector="postgres", collections={"users": users})
    leads = {"users": own, "index": told}

    def lookup(subjects: Sequence[Subject]) -> Iterator[tuple[str, list[DiscoveredKey]]]:
        asked = [(one.number, via) for one in subjects for via in one.keys]
        for collection, edges in leads.items():
            yield "main", [DiscoveredKey(to, via, collection, key) for to, via in asked for key in edges.get(via, ())]

    return lookup, DataMap.model_construct(identities={}, stores={"main": main})


@pytest.mark.parametrize("between", [False, True])
@pytest.mark.parametrize(
    ("says", "followed"), [({OTHER_EMAIL}, False), ({EMAIL}, True), ({PHONE}, True), (set(), True)]
)
def test_an_index_by_a_value_leads_to_no_person_whose_own_record_says_another(
    data_map: DataMap, says: set[SubjectKey], *, followed: bool, between: bool
) -> None:
    """A record that says no such value denies nothing. What only such a way leads to is not followed either."""
    told = {EMAIL: {TOKEN}, TOKEN: {USER_9}} if between else {EMAIL: {USER_9}}
    lookup, stores = own_and_told({USER_9: says}, told)
    both = data_map.model_copy(update={"stores": stores.stores})
    for known in (set(), {EMAIL}):
        found = resolve({1: frozenset({EMAIL})}, lookup, nothing_told, both, known={1: frozenset(known)})[1]
        assert (USER_9 in found.keys) is followed
        if not followed:
            strayed = {TOKEN if between else USER_9}
            assert (found.keys, found.refused, found.shared) == ({EMAIL}, strayed, strayed)


def test_a_value_that_is_known_from_before_is_followed_though_an_index_names_another_kind_of_person(
    data_map: DataMap,
) -> None:
    """Whose own record says another value: the plan and the steps after it answer alike."""
    lookup, stores = own_and_told({USER_7: {EMAIL}, CALLER_9: {OTHER_EMAIL}}, {EMAIL: {CALLER_9}})
    both = data_map.model_copy(update={"stores": stores.stores})
    for known in (set(), {EMAIL}):
        found = resolve({1: frozenset({USER_7})}, lookup, nothing_told, both, known={1: frozenset(known)})[1]
        assert (found.keys, found.shared) == ({USER_7, EMAIL}, {CALLER_9})


def test_a_person_who_is_given_is_not_denied(data_map: DataMap) -> None:
    lookup, stores = own_and_told({USER_9: {OTHER_EMAIL}}, {EMAIL: {USER_9}})
    both = data_map.model_copy(update={"stores": stores.stores})
    assert USER_9 in resolve({1: frozenset({EMAIL, USER_9})}, lookup, nothing_told, both)[1].keys


@pytest.mark.parametrize("own", [{ROW_7}, set()], ids=["her record is there", "it is gone"])
@pytest.mark.parametrize("told", [{SHARED}, {ROW_9, USER_9}], ids=["by the record itself", "by a row below it"])
def test_a_link_that_hangs_on_the_record_of_the_values_new_holder_is_kept(
    data_map: DataMap, own: set[SubjectKey], told: set[SubjectKey]
) -> None:
    """Both own a shared row: it hangs on each of them, and on no phone. What an index names under that is let go."""
    lookup, stores = own_and_told({PHONE: {USER_9, *told}, USER_7: own}, {ROW_9: {SHARED}, PHONE: {TOKEN}})
    both = data_map.model_copy(update={"stores": stores.stores})
    known = frozenset({PHONE, SHARED, TOKEN, *own})
    found = resolve({1: frozenset({USER_7})}, lookup, nothing_told, both, known={1: known})[1]
    assert (found.keys, found.shared) == ({USER_7, SHARED, *own}, {PHONE, TOKEN})


def test_one_that_another_record_under_the_value_tells_is_let_go(data_map: DataMap) -> None:
    """Booked by phone alone: by now nobody can say whose the booking is, nor its room."""
    lookup, stores = own_and_told({PHONE: {USER_9}}, {PHONE: {SHARED}})
    both = data_map.model_copy(update={"stores": stores.stores})
    found = resolve({1: frozenset({USER_7})}, lookup, nothing_told, both, known={1: frozenset({PHONE, SHARED})})[1]
    assert (found.keys, found.shared) == ({USER_7}, {PHONE, SHARED})
