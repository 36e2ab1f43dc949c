"""Callers: generates people who called or wrote to a client; their records belong to that client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from expunge_demo.calltrack.person import Identity, identity
from expunge_demo.calltrack.random_draws import Draws
from expunge_demo.calltrack.rows import (
    Call,
    CallerRow,
    CallNote,
    Lead,
    LeadAnswer,
    Recording,
    Row,
    Transcript,
)
from expunge_demo.calltrack.vocabulary import NOTES, QUESTIONS, SPOKEN

_KIND = 2
CALLS_STRIDE = 16
NOTES_STRIDE = 2
LEADS_STRIDE = 4
ANSWERS_STRIDE = 4
SHARED_LINE_EVERY = 400
_VISITOR = 3


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording's object in S3: its key and every version's bytes, oldest first."""

    key: str
    versions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller of one client and all their records.

    Attributes:
        leads: Web forms of the caller; some do not name the caller and agree only in e-mail and phone.
        visitor_leads: Web forms of somebody else who never rang: not this caller's, even at the same postal address.
        answers: Answers to `leads`.
        visitor_answers: Answers to `visitor_leads`.
    """

    row: CallerRow
    calls: tuple[Call, ...]
    notes: tuple[CallNote, ...]
    recordings: tuple[Recording, ...]
    transcripts: tuple[Transcript, ...]
    leads: tuple[Lead, ...]
    answers: tuple[LeadAnswer, ...]
    visitor_leads: tuple[Lead, ...]
    visitor_answers: tuple[LeadAnswer, ...]
    sounds: tuple[Sound, ...]

    def rows(self) -> Iterator[Row]:
        """Every database row, those of the visitor too."""
        yield self.row
        yield from self.calls
        yield from self.notes
        yield from self.recordings
        yield from self.transcripts
        yield from self.leads
        yield from self.answers
        yield from self.visitor_leads
        yield from self.visitor_answers

    def marks(self) -> tuple[str, ...]:
        """Texts that stand in this caller's records and in nobody else's."""
        return (
            *(note.note.rpartition(" ")[2] for note in self.notes),
            *(sound.key for sound in self.sounds),
            *(answer.answer.rpartition(" ")[2] for answer in self.answers),
        )


@dataclass(frozen=True, slots=True)
class CallerMaker:
    """Computes callers one by one.

    Attributes:
        holders: Number of account holders: callers' identities are numbered after theirs.
        count: Number of callers.
        pattern: Client ids; caller `index` belongs to `pattern[index % len(pattern)]`.
    """

    seed: int
    now: datetime
    holders: int
    count: int
    pattern: tuple[int, ...]

    def client_of(self, index: int) -> int:
        """The client that caller `index` rang."""
        return self.pattern[index % len(self.pattern)]

    def human(self, index: int) -> int:
        """Number of the human being behind caller `index`: some rang two clients, some also hold an account."""
        if index % 20 == 3 and self.client_of(index) != self.client_of(index - 1):  # noqa: PLR2004
            return self.holders + index - 1
        if index % 40 == 5 and index < self.holders:  # noqa: PLR2004
            return index
        return self.holders + index

    def shares_line(self, index: int) -> bool:
        """Another caller of the same client has the same phone number."""
        later = index + len(self.pattern)
        return self._second_on_line(index) or (later < self.count and self._second_on_line(later))

    def phone(self, index: int) -> str:
        """The caller's number; a few share a line with another caller of the same client."""
        on_line = index - len(self.pattern) if self._second_on_line(index) else index
        return identity(self.seed, self.human(on_line)).phone

    def caller(self, index: int) -> Caller:
        """Caller `index` (from 0)."""
        draws = Draws.of(self.seed, _KIND, index, self.now)
        who = identity(self.seed, self.human(index))._replace(phone=self.phone(index))
        client = self.client_of(index)
        created = draws.moment()
        row = CallerRow(index + 1, client, who.phone, None if index % 9 == 4 else who.name, created)  # noqa: PLR2004
        calls = tuple(
            Call(
                index * CALLS_STRIDE + position + 1,
                client,
                row.id,
                who.phone,
                draws.number(5, 1_800),
                draws.moment(created) if position else created,
            )
            for position in range(draws.number(2, 10))
        )
        recordings, transcripts, sounds = _recorded(draws, index, calls[0], who)
        leads = tuple(_leads(draws, row, who))
        visitors = tuple(self._visitors(draws, row, who))
        return Caller(
            row=row,
            calls=calls,
            notes=tuple(note for call in calls for note in _notes(draws, call)),
            recordings=recordings,
            transcripts=transcripts,
            leads=leads,
            answers=tuple(answer for lead in leads for answer in _answers(draws, lead)),
            visitor_leads=visitors,
            visitor_answers=tuple(answer for lead in visitors for answer in _answers(draws, lead)),
            sounds=sounds,
        )

    def _second_on_line(self, index: int) -> bool:
        return index >= len(self.pattern) and index % SHARED_LINE_EVERY == 137  # noqa: PLR2004

    def _visitors(self, draws: Draws, row: CallerRow, who: Identity) -> Iterator[Lead]:
        index = row.id - 1
        if index % 12:
            return
        visitor = identity(self.seed, self.holders + self.count + index)
        # Every other one lives in the caller's house.
        home = who if index % 24 == 0 else visitor
        yield Lead(
            index * LEADS_STRIDE + _VISITOR + 1,
            row.client_id,
            None,
            visitor.name,
            home.postal,
            visitor.email,
            visitor.phone if index % 36 else None,
            draws.moment(),
        )


def _recorded(
    draws: Draws, index: int, call: Call, who: Identity
) -> tuple[tuple[Recording, ...], tuple[Transcript, ...], tuple[Sound, ...]]:
    """Two of three callers have one recording; one of fifty of these was encoded a second time."""
    if index % 3 == 2:  # noqa: PLR2004
        return (), (), ()
    key = f"{call.client_id}/{call.started_at:%Y/%m}/{draws.uuid()}.wav"
    versions = tuple(
        b"RIFF" + f"{key} take {take} of {who.phone} ".encode() + draws.source.randbytes(draws.number(120, 400))
        for take in range(2 if index % 150 == 0 else 1)
    )
    recording = Recording(index + 1, call.id, key, len(versions[-1]), call.started_at)
    said = [word.format(name=who.name, phone=who.phone) for word in SPOKEN]
    words = json.dumps([{"t": place * 400, "w": word} for place, word in enumerate(said)], ensure_ascii=False)
    transcript = Transcript(index + 1, recording.id, " ".join(said), words, call.started_at + timedelta(minutes=40))
    return (recording,), (transcript,), (Sound(key, versions),)


def _notes(draws: Draws, call: Call) -> Iterator[CallNote]:
    for position in range(draws.pick((0, 1, 1, 1, 2))):
        yield CallNote(
            (call.id - 1) * NOTES_STRIDE + position + 1,
            call.id,
            f"{draws.pick(NOTES)} Ref CN-{draws.hexadecimal(14)}",
            call.started_at + timedelta(minutes=31),
        )


def _leads(draws: Draws, row: CallerRow, who: Identity) -> Iterator[Lead]:
    index = row.id - 1
    for position in range(draws.pick((0, 1, 1, 2))):
        # A form that knows no caller still has the caller's phone, unless that is a line of several people.
        knows_caller = position == 0 or index % 3 != 0
        untidy = draws.source.random() < 0.1  # noqa: PLR2004 - people type as they like
        yield Lead(
            index * LEADS_STRIDE + position + 1,
            row.client_id,
            row.id if knows_caller else None,
            who.name,
            who.postal,
            who.email.title() if untidy else who.email,
            f"{who.phone[:3]} {who.phone[3:6]} {who.phone[6:9]}-{who.phone[9:]}" if untidy else who.phone,
            draws.moment(),
        )


def _answers(draws: Draws, lead: Lead) -> Iterator[LeadAnswer]:
    for position in range(draws.number(2, 4)):
        question, answers = QUESTIONS[position]
        yield LeadAnswer(
            (lead.id - 1) * ANSWERS_STRIDE + position + 1,
            lead.id,
            question,
            f"{draws.pick(answers)} LA-{draws.hexadecimal(14)}",
            lead.created_at,
        )
