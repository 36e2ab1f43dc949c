"""HTTP API settings: trusted token issuers, limits of rate, size and time, webhooks, mail directory, OpenDSR."""

from __future__ import annotations

from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    IPvAnyNetwork,
    RedisDsn,
    Secret,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

Span = Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=3650))]
"""A time span of settings: not negative, and short enough to be added to any date of today."""

Algorithm = Literal["ES256", "ES384", "RS256", "RS384", "PS256", "PS384", "EdDSA"]
"""Signatures by a private key that only the issuer has (RFC 7518, RFC 8037). Never `none`, never a shared secret."""

RoleName = Literal["requester", "operator", "approver", "auditor", "admin"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Issuer(_Part):
    """Somebody whose signed tokens are believed.

    Attributes:
        kind: `person`: the application that signs people in and speaks for the one who is signed in; `staff`: the
            identity provider of the people who work with Expunge.
        issuer: The `iss` claim, exactly.
        audience: What `aud` must name.
        jwks_file / jwks_url: Its public keys (RFC 7517); exactly one of the two.
        algorithms: What it signs with.
        max_auth_age: A person signed in longer ago is asked to sign in again (`auth_time`).
        roles_claim: Where a staff token lists groups or roles; dots lead into objects.
        roles: What a value there means here. Values that are not listed mean nothing.
        controllers_claim: Where a staff token lists the controllers it may speak for; absent: none.
    """

    kind: Literal["person", "staff"]
    issuer: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    audience: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    jwks_file: Path | None = None
    jwks_url: HttpUrl | None = None
    algorithms: tuple[Algorithm, ...] = ("ES256",)
    max_auth_age: Span = timedelta(minutes=15)
    roles_claim: str = "roles"
    roles: dict[str, RoleName] = Field(default_factory=dict)
    controllers_claim: str = "controllers"

    @model_validator(mode="after")
    def _one_source(self) -> Issuer:
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("give exactly one of jwks_file and jwks_url")
        return self


_SECRET_PREFIX, _KEY_BYTES = "whsec_", 24


class Webhook(_Part):
    """Where events are told to. Signed with the secret (Standard Webhooks: HMAC-SHA-256 over id, time and body).

    Attributes:
        url: Called with POST.
        secret: Shared with the receiver: `whsec_` and the base64 of 24 bytes or more.
        origins: Whose requests it is told of.
        controller: Only requests of this controller (`calltrack`, `client:42`); absent: all.
    """

    url: HttpUrl
    secret: SecretStr
    origins: tuple[Literal["person", "controller"], ...] = ("person", "controller")
    controller: str | None = None

    @field_validator("secret")
    @classmethod
    def _holds_a_key(cls, secret: SecretStr) -> SecretStr:
        text = secret.get_secret_value()
        if (
            not text.startswith(_SECRET_PREFIX)
            or len(b64decode(text[len(_SECRET_PREFIX) :], validate=True)) < _KEY_BYTES
        ):
            raise ValueError("a secret is whsec_ and the base64 of 24 bytes or more")
        return secret


WebhookName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,32}$")]


class OpenDsr(_Part):
    """OpenDSR 2.0, as a processor.

    Attributes:
        domain: The processor's domain; the certificate is of it.
        certificate / key: PEM files; answers are signed with the key.
        identities: OpenDSR's identity types -> identities of the map.
    """

    domain: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]{3,253}$")]
    certificate: Path
    key: Path
    identities: dict[str, str] = Field(min_length=1)


class ApiSettings(_Part):
    """What `expunge serve` needs besides the rest.

    Attributes:
        issuers: Name -> who signs tokens.
        max_body: Bytes of a call's body; of an uploaded list `max_upload`.
        uploads: Lists that are taken in and planned at a time; of one client one, whatever key it has.
        locates: People who are located at a time, with the same rule.
        calls_per_minute: Per actor. Of credentials that are not accepted: per kind and address,
            `calls_per_minute_unknown`. Of what needs none (the log, the metrics, descriptions): per address,
            `calls_per_minute_public`.
        rate_limit_redis: Where several processes count calls together; absent: each counts for itself, in memory.
        proxies: Addresses or networks of the reverse proxies whose `X-Forwarded-For` is believed; nobody else's is.
        connections / connections_per_address: Open ones, in all and from one address that is no proxy's.
        call_timeout: Time for one call.
        events_for: How long somebody watches a batch before they have to come again.
        tick: How often the worker looks for what has come due.
        webhooks: Name -> where events are told to.
        letters: Directory into which letters to people are written (one file each, for a mail system to send).
        freeze: Name of the webhook that freezes an account when its deletion is accepted, and unfreezes it.
        opendsr: Whoever speaks OpenDSR is answered, below `/opendsr/v2`.
    """

    issuers: dict[str, Issuer] = Field(default_factory=dict)
    max_body: int = Field(default=64 * 1024, ge=1024)
    max_upload: int = Field(default=64 * 1024 * 1024, ge=1024)
    uploads: int = Field(default=4, ge=1)
    locates: int = Field(default=4, ge=1)
    calls_per_minute: int = Field(default=6000, ge=1)
    calls_per_minute_unknown: int = Field(default=600, ge=1)
    calls_per_minute_public: int = Field(default=6000, ge=1)
    rate_limit_redis: Secret[RedisDsn] | None = None
    proxies: tuple[IPvAnyNetwork, ...] = ()
    connections: int = Field(default=1000, ge=1)
    connections_per_address: int = Field(default=64, ge=1)
    call_timeout: Span = timedelta(seconds=30)
    events_for: Span = timedelta(minutes=5)
    tick: Span = timedelta(seconds=2)
    webhooks: dict[WebhookName, Webhook] = Field(default_factory=dict)
    letters: Path | None = None
    freeze: str | None = None
    opendsr: OpenDsr | None = None

    @model_validator(mode="after")
    def _freeze_is_a_webhook(self) -> ApiSettings:
        if self.freeze is not None and self.freeze not in self.webhooks:
            raise ValueError("freeze names a webhook that is not there")
        return self
