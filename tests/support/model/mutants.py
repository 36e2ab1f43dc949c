"""Mutants: rules that are broken on purpose, each by one replacement of text.

The model has to notice every one, but for those of what its worlds draw seldom or not at all (what other stores are
told, a predecessor of somebody who asks again, who writes at the same time): there a test is named that has to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutant:
    """One rule, broken.

    Attributes:
        breaks: What is no longer true.
        file: Below the repository.
        old: What stands there, once; `new`: what takes its place.
        test: That has to notice it, in place of the model (`file::name`).
    """

    breaks: str
    file: str
    old: str
    new: str
    test: str = ""

    def plant(self, root: Path) -> None:
        """Put it into a copy of the packages.

        Raises:
            ValueError: The code was changed: the mutant has to follow.
        """
        path = root / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.breaks}: {self.file} holds this {text.count(self.old)} times, not once: {self.old}"
            )
        path.write_text(text.replace(self.old, self.new))


_POSTGRES = "connectors/expunge_connectors/postgres"
_SQL = f"{_POSTGRES}/sql"
_RULES = "orchestrator/expunge_orchestrator/rules"
_LEDGER = "orchestrator/expunge_orchestrator/ledger"
_SUBJECTS = "orchestrator/expunge_orchestrator/subjects"
_EXECUTION = "orchestrator/expunge_orchestrator/execution"
_AGES = f"{_POSTGRES}/ages"
_RETENTION = "orchestrator/expunge_orchestrator/retention"
_RESTRICTED = "tests/acceptance/test_restrictions.py"
_AGED = "tests/model/test_age_agreement.py::test_the_database_and_the_model_agree_on_what_has_had_its_time"
_CLAIMANTS = "tests/acceptance/test_attribution_claimants.py"

MUTANTS = (
    # Whose a value is.
    Mutant(
        "a value that somebody else has leads nowhere",
        f"{_SQL}/claimed_keys.py",
        "    if any(_claims(store, staged)):\n        connection.execute(",
        "    if False:\n        connection.execute(",
    ),
    Mutant(
        "a person's own row does not claim against that person",
        f"{_SQL}/claimed_keys.py",
        "    if persons is not None:\n",
        "    if False:\n",
    ),
    Mutant(
        "a tombstone claims nothing",
        f"{_SQL}/claimed_keys.py",
        "    if mapped.action is Action.TOMBSTONE:\n",
        "    if False:\n",
    ),
    Mutant(
        "verification follows no claimed value",
        f"{_POSTGRES}/verify/claimed_values.py",
        "        if not self.passing[namespace]:\n            return",
        "        if True:\n            return",
    ),
    Mutant(
        "a row that is older than the claim is another's",
        f"{_SQL}/row_owners.py",
        "    if since is not None:\n",
        "    if False:\n",
    ),
    Mutant(
        "verification leaves what is older than the claim",
        f"{_POSTGRES}/verify/reached_rows.py",
        "            if AGED in self.namespaces and",
        "            if False and",
    ),
    Mutant(
        "a claim begins when the map says",
        f"{_POSTGRES}/claims.py",
        "held, table.since.get(identity, table.created)",
        "held, table.created",
    ),
    Mutant(
        "an erasure goes by the claims that were sealed",
        f"{_SQL}/key_rows.py",
        "for subject in subjects if aged else ():",
        "for subject in ():",
    ),
    Mutant(
        "a person's own row claims what it is found by, whether it tells it or not",
        f"{_POSTGRES}/claims.py",
        'if (identity := held.identity or "") in claims:',
        'if (identity := held.identity or "") in claims and identity in table.yields:',
    ),
    Mutant(
        "a row that names a person is that person's, whatever kind of person holds the value",
        f"{_POSTGRES}/owner_links.py",
        "    return tuple(one for one in table.found_by if one != link and persons_named(spec, one, data_map))\n",
        "    kinds = {one.person for one in spec.collections.values() if link.identity in one.yields}\n"
        "    return tuple(one for one in table.found_by if one != link"
        " and persons_named(spec, one, data_map) & kinds)\n",
    ),
    Mutant(
        "identities that read one place share their claims",
        "connectors/expunge_connectors/aliases.py",
        "for here, there in self.alike.get(key.namespace, ())",
        "for here, there in ()",
    ),
    Mutant(
        "whoever holds a value for another member says nothing of this one's rows",
        f"{_SQL}/held_values.py",
        '        in_scope(lead, "holder"),\n',
        "",
        "tests/integration/postgres/test_held_values.py::test_whoever_holds_the_value_for_somebody_else_says_nothing",
    ),
    Mutant(
        "a value leads to no person of another kind than those whose own records hold it",
        f"{_RULES}/key_graph.py",
        "        return {person for person in persons if person.namespace not in kinds} if kinds else set()\n",
        "        return set()\n",
        "tests/acceptance/test_rows_of_another_kind.py::test_so_it_is_by_an_index_of_guests_by_address",
    ),
    # Whom it was said of that a value is not theirs.
    Mutant(
        "an attribution decides between those who had the value by then",
        f"{_SUBJECTS}/attributions.py",
        "        if all(tagger.tag(person) in claimants for person in co_holders):\n",
        "        if True:\n",
        f"{_CLAIMANTS}::test_who_took_the_value_before_the_plan_keeps_what_is_under_it",
    ),
    Mutant(
        "who had an attributed value by then is known to the stores",
        f"{_SUBJECTS}/member_proof.py",
        "            for value, person in answer.co_holders\n",
        "            for value, person in ()\n",
        f"{_CLAIMANTS}::test_between_those_who_had_the_value_then_it_decides_to_the_end",
    ),
    Mutant(
        "one who did not have it by then claims it from the person",
        f"{_SQL}/claimed_keys.py",
        " AND h.kind = {} AND h.person = {})",
        " AND h.kind = {} AND {} IS NOT NULL)",
        "tests/integration/postgres/test_claimed_values.py::"
        "test_an_attributed_address_that_somebody_takes_while_the_deletion_waits",
    ),
    Mutant(
        "an attribution decides for one person of a chunk",
        f"{_SQL}/claimed_keys.py",
        "NOT EXISTS (SELECT FROM {} AS h WHERE h.number = {} AND",
        "NOT EXISTS (SELECT FROM {} AS h WHERE {} > 0 AND",
        "tests/integration/postgres/test_claimed_values.py::"
        "test_who_held_an_attributed_address_does_not_claim_it_from_that_person",
    ),
    Mutant(
        "verification knows who had an attributed value by then",
        f"{_POSTGRES}/verify/claimed_values.py",
        " AND h.value = {value} AND h.said = {named})",
        " AND h.value = {value} AND {named} IS NOT NULL)",
        "tests/integration/postgres/test_claimed_values.py::"
        "test_an_attributed_address_that_somebody_takes_while_the_deletion_waits",
    ),
    # Whom a request means.
    Mutant(
        "several persons behind one key are ambiguous",
        f"{_RULES}/key_graph.py",
        "    return len(persons) > 1 and len({namespace for namespace, _ in persons}) < len(persons)\n",
        "    return False\n",
    ),
    Mutant(
        "what rows of somebody else hold as well is hearsay",
        f"{_RULES}/identity_resolution.py",
        "    held = told_by_others([*asked, *others])\n",
        "    held = {}\n",
    ),
    Mutant(
        "a request is for one member's rows",
        f"{_SQL}/row_conditions.py",
        "    if mapped.member_column is None:\n",
        "    if True:\n",
    ),
    # Which rows a link finds.
    Mutant(
        "a link leads to rows of its kind alone",
        f"{_SQL}/comparison.py",
        "    return TRUE if not where else and_(",
        "    return TRUE if True else and_(",
    ),
    Mutant(
        "a verified link leads to rows of its kind alone",
        f"{_POSTGRES}/verify/expressions.py",
        "        if kind.any_value is not None:\n",
        "        if True:\n",
    ),
    Mutant(
        "a template's words are no pattern",
        f"{_SQL}/comparison.py",
        r'(re.sub(r"(\W)", r"\\\1", one) for one in ends)',
        "ends",
        "tests/integration/postgres/test_templates.py::test_the_words_around_it_are_no_pattern",
    ),
    Mutant(
        "numbers are compared as numbers",
        f"{_POSTGRES}/catalog/key_types.py",
        '    "numeric": NUMERIC,\n',
        "",
    ),
    Mutant(
        "citext is compared as the server compares it",
        f"{_POSTGRES}/catalog/key_types.py",
        '    if column.equality is not None and column.base.rpartition(".")[2] == "citext":\n',
        "    if False:\n",
    ),
    # What becomes of them.
    Mutant(
        "what was created at the cutoff is newer",
        f"{_SQL}/row_conditions.py",
        '"coalesce({} < {}, {})"',
        '"coalesce({} <= {}, {})"',
    ),
    Mutant(
        "a period that ends today is over",
        f"{_SQL}/retention.py",
        "coalesce({} > {}::date, true)",
        "coalesce({} >= {}::date, true)",
    ),
    Mutant(
        "a shared row goes with the last that points to it",
        f"{_SQL}/shared_rows.py",
        "_staying(search, mapped, owner, over)),",
        "FALSE),",
    ),
    Mutant(
        "a shared row leads on while it is theirs alone who go",
        f"{_SQL}/shared_rows.py",
        "                    _there(search, mapped, owner),\n                    *(",
        "                    FALSE,\n                    *(",
    ),
    Mutant(
        "of a list only one's own elements go",
        f"{_POSTGRES}/erase/erasing_statements.py",
        'or_(*(_held(path, source, sql.SQL("e.item::text")) for source, path in ways))',
        "TRUE",
    ),
    Mutant(
        "a tombstone is done once",
        f"{_SQL}/tombstones.py",
        "    return and_(*(_holds(mapped, name, alias) for name in mapped.spec.tombstone))\n",
        "    return FALSE\n",
    ),
    Mutant(
        "a row is known by its table as well",
        f"{_SQL}/comparison.py",
        '_STANDS = {"tableoid": "oid", "ctid": "tid"}',
        '_STANDS = {"ctid": "tid"}',
    ),
    # Whose a row is.
    Mutant(
        "a row goes when everybody does whom it names",
        f"{_SQL}/row_owners.py",
        "    for one in link.beside:\n",
        "    for one in ():\n",
    ),
    Mutant(
        "a row is whose the row above is",
        f"{_SQL}/named_people.py",
        "            said = self.of_links(lead)\n",
        "            said = FALSE\n",
    ),
    Mutant(
        "a row above that goes with anybody goes with one of them",
        f"{_SQL}/named_people.py",
        "            if said is not FALSE and going is not FALSE:\n",
        "            if False:\n",
    ),
    Mutant(
        "what rows of others tell is not followed",
        f"{_SQL}/row_yields.py",
        'and_(requested(search, mapped, path.link, "t", path.since), ',
        "and_(TRUE, ",
    ),
    # What a plan is about.
    Mutant(
        "a part that was taken out is a change",
        f"{_POSTGRES}/catalog/relations.py",
        "    if taken_out:\n",
        "    if False:\n",
    ),
    Mutant(
        "another table under the name is a change",
        f"{_POSTGRES}/catalog/relations.py",
        '    if oid is not None and oid != before["oid"]:\n',
        "    if False:\n",
    ),
    Mutant(
        "a mapped column that is called otherwise is a change",
        f"{_POSTGRES}/catalog/relations.py",
        "        if called is None or (called != column and called not in used):\n",
        "        if False:\n",
    ),
    # What a plan led to.
    Mutant(
        "what a plan led to is kept",
        f"{_SUBJECTS}/inherited_keys.py",
        "{} if planned is None else planned.beyond(answers, ask),",
        "{},",
    ),
    Mutant(
        "an address that was replaced since the plan is nobody's for certain",
        f"{_SUBJECTS}/planned_keys.py",
        "        replaced = {key.namespace for key in (self._values(answer) & now) - before}\n",
        "        replaced = set()\n",
    ),
    Mutant(
        "what stands under an address that was replaced is told",
        f"{_SUBJECTS}/planned_keys.py",
        "            doubtful=answer.doubtful | unclear,\n",
        "",
    ),
    Mutant(
        "what stands under a key that was given again since the plan is told",
        f"{_SUBJECTS}/planned_keys.py",
        "            shared=answer.shared | passed_on,\n",
        "",
        "tests/acceptance/test_what_a_plan_led_to.py::"
        "test_what_a_key_led_to_that_was_given_again_since_stays_and_is_told",
    ),
    Mutant(
        "one index leads to another by no key of somebody else's",
        f"{_RULES}/identity_resolution.py",
        "        held = indexes.held_by_others([*asked, *going]) if asked else {}\n",
        "        held = {}\n",
        "tests/acceptance/test_keys_between_indexes.py::test_a_plan_counts_nothing_below_somebody_elses_file",
    ),
    Mutant(
        "what an index under a key of somebody else's names is theirs",
        f"{_SUBJECTS}/followed_keys.py",
        "        named = index_keys.named_by_others(asked, new, scope, workspace, cutoffs)\n",
        "        named = {}\n",
        "tests/acceptance/test_keys_between_indexes.py::"
        "test_a_file_of_that_name_that_somebody_has_by_settling_keeps_what_is_below_it",
    ),
    Mutant(
        "what an index under a claimed value names is the claimant's",
        f"{_SUBJECTS}/followed_keys.py",
        "    named = index_keys.named_by_others(subjects, others, scope, replace(workspace, stores=seen), cutoffs)\n",
        "    named = {}\n",
        "tests/acceptance/test_keys_between_indexes.py::"
        "test_an_address_that_is_taken_over_takes_what_indexes_name_below_it",
    ),
    Mutant(
        "what an index of the person's own names too is theirs",
        f"{_SUBJECTS}/index_keys.py",
        "keys - own.get(number, _NONE) for number",
        "keys for number",
        "tests/acceptance/test_keys_between_indexes.py::test_what_an_index_of_the_persons_own_names_too_goes",
    ),
    Mutant(
        "what hung on an address that was replaced since the plan is not followed either",
        f"{_SUBJECTS}/planned_keys.py",
        "self.named_by_others({number: keys for number, keys in let_go.items() if keys})",
        "{}",
        "tests/acceptance/test_keys_below_let_go_keys.py::test_an_address_that_passes_on_takes_what_its_index_names",
    ),
    Mutant(
        "what only a key leads to that is not followed any more is not followed either",
        f"{_RULES}/resolution_decision.py",
        "let_go | _through_these_alone(let_go, trail, rules) | trail.others",
        "let_go | trail.others",
        "tests/acceptance/test_keys_below_let_go_keys.py::test_an_address_that_passes_on_takes_what_its_index_names",
    ),
    Mutant(
        "a link that hangs on the record of a value's new holder does not hang on the value",
        f"{_RULES}/resolution_decision.py",
        "        named -= links - reached(let_go, edges, rules.lasting)\n",
        "",
        "tests/acceptance/test_what_a_plan_led_to.py::"
        "test_a_shared_row_stays_told_whoever_else_of_its_owners_took_an_address",
    ),
    Mutant(
        "an id that was given again since the plan is somebody else's",
        f"{_SUBJECTS}/planned_keys.py",
        "        if number in self.of_others:\n            return answer",
        "        if False:\n            return answer",
    ),
    Mutant(
        "it is asked of everybody whether somebody else has got the id since the plan",
        f"{_SUBJECTS}/planned_keys.py",
        "if own and number not in more}",
        "if False}",
    ),
    Mutant(
        "an address that is given beside the id is the person's where the plan followed both",
        f"{_SUBJECTS}/inherited_keys.py",
        "({} if planned is None else planned.vouched_for()).items():",
        "{}.items():",
    ),
    Mutant(
        "whom a plan led to is meant still where nothing leads to anybody any more",
        f"{_SUBJECTS}/planned_keys.py",
        "return not found or same_person(self._persons(keys), found)",
        "return same_person(self._persons(keys), found)",
        "tests/acceptance/test_taken_up_again.py::test_what_changed_since_the_plan_ends_the_same_whenever_it_changed",
    ),
    # What changes once it was decided who it is, and nothing is erased.
    Mutant(
        "a chunk that stopped is taken up with who it is",
        f"{_EXECUTION}/fencing.py",
        "    if step != chunk.step and chunk.state != _WITHDRAWING:\n",
        "    if False:\n",
        "tests/acceptance/test_taken_up_again.py::test_whose_record_was_corrected_is_not_taken_along",
    ),
    Mutant(
        "records speak against keys that an earlier resolution followed",
        f"{_SUBJECTS}/inherited_keys.py",
        "{} if planned is None else planned.contradicted(answers)",
        "{}",
        "tests/acceptance/test_taken_up_again.py::test_what_changed_since_the_plan_ends_the_same_whenever_it_changed",
    ),
    Mutant(
        "keys against which records speak are not kept with those followed",
        f"{_EXECUTION}/resolve_step.py",
        "without(keys, answers[number].let_go)",
        "keys",
        "tests/acceptance/test_taken_up_again.py::test_whose_record_was_corrected_is_not_taken_along",
    ),
    # What shared rows told that are gone.
    Mutant(
        "a plan foresees what a shared row tells each of its owners",
        f"{_SUBJECTS}/lookup.py",
        "(foreseen.get(one.number, _NONE) | one.keys)",
        "one.keys",
        "tests/acceptance/test_what_a_plan_led_to.py::test_or_is_asked_for_by_another_request",
    ),
    Mutant(
        "what was foreseen outlives the resolution",
        f"{_EXECUTION}/resolve_step.py",
        "foreseen.get(item.id, frozenset()) - keys",
        "foreseen.get(item.id, frozenset()) if item.outcome else frozenset()",
        "tests/acceptance/test_taken_up_again.py::test_what_a_shared_row_told_that_is_gone_since_is_told",
    ),
    Mutant(
        "a shared row that still tells it makes nothing unclear",
        f"{_EXECUTION}/foreseen_keys.py",
        "joint_owners.keys_of(resolution.told_to_owners(owners))",
        "{}",
        "tests/acceptance/test_what_a_plan_led_to.py::"
        "test_what_a_shared_row_of_two_requests_leads_to_goes_with_the_last",
    ),
    Mutant(
        "what another owner's request follows makes nothing unclear",
        f"{_EXECUTION}/foreseen_keys.py",
        "dict.fromkeys(lost, followed)",
        "{}",
        "tests/acceptance/test_taken_up_again.py::test_a_shared_row_that_was_erased_by_then_makes_nothing_unclear",
    ),
    # Whom somebody was who is erased.
    Mutant(
        "a value is an erased person's since they had it",
        f"{_SUBJECTS}/inherited_keys.py",
        "            earlier_claims.since_before(answers, workspace, scope),\n",
        "",
        "tests/acceptance/test_asked_again.py::"
        "test_what_was_there_before_the_person_had_the_address_stays_however_often_they_ask",
    ),
    Mutant(
        "of several erased people the last one had a value",
        f"{_LEDGER}/suppression_list.py",
        "found[bytes(row.tag)] = max(row.since, ",
        "found[bytes(row.tag)] = min(row.since, ",
        "tests/acceptance/test_asked_again.py::"
        "test_what_was_there_before_the_person_had_the_address_stays_however_often_they_ask",
    ),
    # What others do meanwhile.
    Mutant(
        "who is about to own a shared row is waited for",
        f"{_POSTGRES}/erase/reference_guard.py",
        'and_(sql.SQL("f.leads"), sql.SQL("NOT ({})").format(due("f")))',
        'sql.SQL("FALSE")',
        "tests/integration/postgres/test_shared_rows.py::"
        "test_who_comes_to_own_a_shared_row_of_two_who_go_keeps_what_hangs_below_it",
    ),
    # What has had its time.
    Mutant(
        "what is due on a day goes on that day",
        f"{_AGES}/due_rows.py",
        'sql.SQL("{} <= {}").format(self.until(mapped, alias)',
        'sql.SQL("{} < {}").format(self.until(mapped, alias)',
        _AGED,
    ),
    Mutant(
        "a start before all calendars is none",
        f"{_AGES}/due_rows.py",
        "CASE WHEN {} >= date '0001-01-01'",
        "CASE WHEN {} >= date '-infinity'",
        _AGED,
    ),
    Mutant(
        "a hold keeps rows of its people from a sweep",
        f"{_AGES}/age_sweep.py",
        "held = self._spare_held(connection, part, holds) if found else 0",
        "held = 0",
        _AGED,
    ),
    Mutant(
        "what the server ends for the time it takes is done in smaller slices",
        f"{_AGES}/table_slices.py",
        "max(_LEAST, self._blocks // _CUT), True",
        "max(_LEAST, self._blocks // _CUT), False",
        "tests/integration/postgres/test_ages.py::test_a_slice_that_took_too_long_is_done_in_smaller_ones",
    ),
    Mutant(
        "what a sweep overwrites stands nowhere else in its row",
        f"{_AGES}/copying_triggers.py",
        "for one, triggers in self.rows:",
        "for one, triggers in ():",
        "tests/integration/postgres/test_triggers_of_sweeps.py"
        "::test_a_copy_of_what_is_overwritten_is_rolled_back_and_named",
    ),
    Mutant(
        "a row below another one is whose that one is, for holds",
        f"{_AGES}/row_names.py",
        "_LEVELS = 4",
        "_LEVELS = 0",
        _AGED,
    ),
    Mutant(
        "a foreign key from a row that stays keeps a row from a sweep",
        f"{_AGES}/row_needs.py",
        "needing = [] if there else list(self._by_keys(mapped, alias, inner))",
        "needing = []",
        _AGED,
    ),
    Mutant(
        "what hangs on a row by the map alone keeps it",
        f"{_AGES}/row_needs.py",
        "        if not there or self._cut(mapped):\n",
        "        if False:\n",
        _AGED,
    ),
    Mutant(
        "what hangs on a row by a foreign key keeps it from being overwritten",
        f"{_AGES}/row_needs.py",
        "for key in (() if overwritten else self._keys_to(mapped))",
        "for key in self._keys_to(mapped)",
        _AGED,
    ),
    Mutant(
        "what keeps a row that goes along keeps the row above",
        f"{_AGES}/row_needs.py",
        "in self.of_row(child, inner, level + 1).items():",
        "in {}.items():",
        _AGED,
    ),
    Mutant(
        "rows of another data type do not go along",
        f"{_AGES}/age_sources.py",
        "or data[above].data_type != one.data_type:",
        "or False:",
        _AGED,
    ),
    Mutant(
        "what needs rows is swept first",
        f"{_AGES}/row_needs.py",
        "children_first(store.collections, needs, (), persons)",
        "children_first(store.collections, (), (), persons)",
        _AGED,
    ),
    Mutant(
        "a row that points to itself keeps nothing",
        f"{_AGES}/sweep_statements.py",
        "lambda one, alias: self.rules.due(one, alias) if one is mapped else FALSE",
        "lambda one, alias: FALSE",
        _AGED,
    ),
    Mutant(
        "a row on hold keeps that of its own table to which it points",
        f"{_AGES}/sweep_statements.py",
        "_staged(alias, part) if one is self.mapped else FALSE",
        "self.rules.due(one, alias) if one is self.mapped else FALSE",
        _AGED,
    ),
    Mutant(
        "a hold on a controller keeps all of it from a sweep",
        f"{_RETENTION}/holds_in_force.py",
        "not one.people and one.member is None and concerns(",
        "not one.people and one.member is None and one.controller is None and concerns(",
        _AGED,
    ),
    Mutant(
        "a row of which nobody knows the member stays under a hold on one",
        f"{_RETENTION}/holds_in_force.py",
        "return hold.member is None or member is None or hold.member == member",
        "return hold.member is None or hold.member == member",
        _AGED,
    ),
    Mutant(
        "a restriction is in force as a hold is",
        f"{_LEDGER}/holds.py",
        ".where(_HOLD.lifted_at.is_(None), sa.or_(",
        '.where(_HOLD.lifted_at.is_(None), _HOLD.kind != "restriction", sa.or_(',
        _AGED,
    ),
    Mutant(
        "holds are asked before each piece of a sweep",
        f"{_RETENTION}/sweep_run.py",
        "self._holds = holds_in_force.in_force(self.workspace, now().date(), self._holds, no_beat)",
        "self._holds = self._holds or holds_in_force.in_force(self.workspace, now().date(), None, no_beat)",
        f"{_RESTRICTED}::test_it_comes_while_a_sweep_is_at_work",
    ),
    Mutant(
        "people are informed before a restriction is lifted",
        f"{_RULES}/restrictions.py",
        "    if informed_on is None:\n",
        "    if False:\n",
        f"{_RESTRICTED}::test_a_request_waits_and_the_person_is_told_why",
    ),
)
