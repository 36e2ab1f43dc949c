"""JWT verification (RFC 7519, RFC 8725): tokens of a person's application and of the staff's identity provider."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from expunge_config.api_settings import Issuer
from expunge_config.datamap import DataMap
from expunge_config.errors import InputError
from expunge_config.normalisers import NotNormalisable
from expunge_connectors.contract import Scope, SubjectKey
from expunge_orchestrator.auth import jwks, strict_json
from expunge_orchestrator.auth.api_keys import controller_scope
from expunge_orchestrator.auth.errors import NotAuthenticatedError, not_accepted
from expunge_orchestrator.auth.principals import PERSON_ACTOR, Principal, Role, Token
from expunge_orchestrator.clock import stamp
from expunge_orchestrator.rules.given_identifiers import key_of

LONGEST_LIFE = timedelta(minutes=5)
"""Of a person's token, from `iat` to `exp`."""

LEEWAY = 10
"""Seconds that clocks may differ."""

MAX_TOKEN = 8192
_ASKS_FOR_MORE = frozenset({"crit", "b64"})  # extensions that a reader must understand (RFC 7515, 4.1.11): we have none
_MAX_VALUE = 1000
_MAX_CONTACT = 320


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """Everybody whose tokens are believed, with their keys.

    Attributes:
        by_name: As the settings name them.
        lookup_key: Makes opaque actor ids of staff.
    """

    by_name: Mapping[str, Issuer]
    keys: Mapping[str, jwks.JwksCache] = field(repr=False)
    lookup_key: bytes = field(repr=False)

    @classmethod
    def of(cls, issuers: Mapping[str, Issuer], lookup_key: bytes) -> TokenVerifier:
        """From the settings. Nothing is read yet."""
        return cls(issuers, {name: jwks.keys_of(one) for name, one in issuers.items()}, lookup_key)

    async def principal_of(
        self, text: str, data_map: DataMap, at: datetime, waiting: AbstractAsyncContextManager[None]
    ) -> Principal:
        """Who brings this token.

        Args:
            text: The token.
            data_map: Says which identities a person's token may assert.
            at: When the call came in.
            waiting: In which the issuer's keys are waited for.

        Raises:
            NotAuthenticatedError: It is not accepted: unknown issuer, wrong signature or algorithm, expired, too
                long-lived, signed in too long ago, without identifiers that the map knows.
            KeysError: Its issuer's keys cannot be had, so that it is not known whether it is good.
        """
        issuer, claims = await self._verified(text, waiting)
        moment = int(at.timestamp())
        _check_times(claims, moment)
        if issuer.audience not in _audiences(claims.get("aud")):
            raise not_accepted()
        if issuer.kind == "staff":
            return self._staff(claims, issuer, data_map)
        return _person(claims, issuer, data_map, moment)

    async def _verified(self, text: str, waiting: AbstractAsyncContextManager[None]) -> tuple[Issuer, dict[str, Any]]:
        """Who signed it, and the claims. Whose keys to check with is read before the signature is checked."""
        try:
            if len(text) > MAX_TOKEN:
                raise not_accepted()
            token = jws.extract_compact(text.encode())
            header = strict_json.parse(
                urlsafe_b64decode(text.encode().partition(b".")[0])
            )  # joserfc takes the last of two
            claims = strict_json.parse(token.payload)
            name = next((name for name, one in self.by_name.items() if one.issuer == claims["iss"]), None)
            key_id = header.get("kid")
            if name is None or not isinstance(key_id, str | None) or not _ASKS_FOR_MORE.isdisjoint(header):
                raise not_accepted()
            issuer = self.by_name[name]
            if header["alg"] not in issuer.algorithms:
                raise not_accepted()
            keys = await self.keys[name].current(key_id, waiting)
            if not jws.validate_compact(token, keys, issuer.algorithms):
                raise not_accepted()
        except (JoseError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise not_accepted() from None
        return issuer, claims

    def _staff(self, claims: Mapping[str, Any], issuer: Issuer, data_map: DataMap) -> Principal:
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject:
            raise not_accepted()
        roles = {issuer.roles[one] for one in _listed(_inside(claims, issuer.roles_claim)) if one in issuer.roles}
        told = b"expunge-actor/1\x00" + json.dumps([issuer.issuer, subject]).encode()
        actor = f"us_{hmac.digest(self.lookup_key, told, 'sha256').hex()[:16]}"
        return Principal(
            actor,
            frozenset(map(Role, roles)),
            _reaches(_listed(_inside(claims, issuer.controllers_claim)), data_map),
        )


def _reaches(told: list[str], data_map: DataMap) -> frozenset[Scope] | None:
    """`*` is everything; a controller that the map does not know is nothing."""
    if "*" in told:
        return None
    found = set()
    for one in told:
        try:
            found.add(controller_scope(one, data_map))
        except InputError:
            continue
    return frozenset(found)


def _person(claims: Mapping[str, Any], issuer: Issuer, data_map: DataMap, moment: int) -> Principal:
    own = data_map.self_service
    if own is None:
        raise NotAuthenticatedError(
            "self-service-off", "People cannot ask for themselves here.", remedy="Give the map a `self_service`."
        )
    issued, ends = _second(claims, "iat"), _second(claims, "exp")
    if ends - issued > LONGEST_LIFE.total_seconds():
        raise NotAuthenticatedError("token-too-long-lived", "The token is good for more than five minutes.")
    signed_in = _second(claims, "auth_time")
    if signed_in - LEEWAY > moment:
        raise not_accepted()
    if moment - signed_in > issuer.max_auth_age.total_seconds() + LEEWAY:
        raise NotAuthenticatedError(
            "sign-in-too-old", "The person signed in too long ago.", remedy="Let them sign in again."
        )
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 8 <= len(jti) <= 200:  # noqa: PLR2004 - enough to be unique, few enough to keep
        raise not_accepted()
    keys = _identifiers(claims.get("identifiers"), frozenset(own.identities), data_map)
    contact = claims.get("contact")
    if contact is not None and (
        not isinstance(contact, str) or len(contact) > _MAX_CONTACT or not contact.isprintable()
    ):
        raise not_accepted()
    digest = hashlib.sha256(json.dumps([issuer.issuer, jti]).encode()).digest()
    until = stamp(datetime.fromtimestamp(ends + LEEWAY + 1, UTC))
    return Principal(
        PERSON_ACTOR,
        frozenset({Role.PERSON}),
        frozenset({Scope(own.controller)}),
        keys,
        contact,
        signed_in_at=datetime.fromtimestamp(signed_in, UTC),
        token=Token(digest, until),
    )


def _identifiers(told: object, accepted: frozenset[str], data_map: DataMap) -> frozenset[SubjectKey]:
    if not isinstance(told, dict) or not told:
        raise not_accepted()
    keys = set()
    for name, text in told.items():
        if name not in accepted:
            raise NotAuthenticatedError(
                "identifier-not-accepted", "The token asserts an identity that the map does not accept of a session."
            )
        value = str(text) if isinstance(text, int) and not isinstance(text, bool) else text
        if not isinstance(value, str) or not value.strip() or len(value) > _MAX_VALUE:
            raise not_accepted()
        try:
            keys.add(key_of(name, value, data_map))
        except NotNormalisable:
            raise not_accepted() from None
    if not any(key.namespace in data_map.person_identities for key in keys):
        raise NotAuthenticatedError(
            "no-person-identifier",
            "The token does not say by a never re-used id who is signed in.",
            remedy="Assert an identity of kind `person`.",
        )
    return frozenset(keys)


def _check_times(claims: Mapping[str, Any], moment: int) -> None:
    if _second(claims, "exp") + LEEWAY <= moment:
        raise NotAuthenticatedError("token-expired", "The token has run out.", remedy="Get a fresh one.")
    if _second(claims, "iat") - LEEWAY > moment:
        raise not_accepted()
    if "nbf" in claims and _second(claims, "nbf") - LEEWAY > moment:
        raise not_accepted()


_LAST_SECOND = 253402300799


def _second(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND - 3600:
        raise not_accepted()
    return int(value)


def _inside(claims: Mapping[str, Any], path: str) -> object:
    found: object = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _audiences(value: object) -> list[object]:
    """RFC 7519, 4.1.3: one string, whole, or a list of them."""
    return value if isinstance(value, list) else [value]


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
