"""S3 driver: how a boto3 client is made, and how it reads times and elements of an answer."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader
from botocore.utils import parse_timestamp

from expunge_connectors.s3.spec import S3Connection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ELEMENTS = "elements"
"""Beside the rules of a lifecycle configuration: of each, element -> the elements in it, as the service sent them."""


def instant(value: Any) -> datetime:  # noqa: ANN401 - as botocore gives it: a text, or a number of seconds
    """A time in an answer: ISO 8601 in a body, HTTP's own form in a header.

    The driver's reader of times tries every form there is, and takes a tenth of a small request for each.
    """
    if isinstance(value, str):
        for read in (datetime.fromisoformat, parsedate_to_datetime):
            try:
                found = read(value)
            except ValueError:
                continue
            if found.tzinfo is not None:
                return found
    parsed: datetime = parse_timestamp(value)
    return parsed


@cache
def _descriptions() -> tuple[Loader, int]:
    """What botocore reads from its files about S3: once for all clients, as it takes ten times as long as the rest.

    With the number of places that it is looked for in.
    """
    loader: Loader = botocore.session.get_session().get_component("data_loader")
    return loader, len(loader.search_paths)


def _keep_elements(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """The driver drops elements that it does not know: a rule is then read as one that covers more than it does."""
    try:
        configuration = ET.fromstring(response_dict["body"])  # noqa: S314 - by the parser that the driver has
    except ET.ParseError:
        return  # which the driver is about to say
    customized_response_dict[ELEMENTS] = [
        {_name(part): [_name(one) for one in part] for part in rule.iter() if len(part)}
        for rule in configuration
        if _name(rule) == "Rule"
    ]


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def new_client(connection: S3Connection) -> S3Client:
    """A client that makes each request once: repeating is the caller's."""

    def shown(secret: Any) -> str | None:  # noqa: ANN401 - a SecretStr or nothing
        return None if secret is None else secret.get_secret_value()

    loader, places = _descriptions()
    botocore_session = botocore.session.get_session()
    botocore_session.register_component("data_loader", loader)
    botocore_session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=instant)
    session = boto3.session.Session(botocore_session=botocore_session)
    del loader.search_paths[places:]  # each session of boto3 adds one, for what is not used here
    client = session.client(
        "s3",
        endpoint_url=shown(connection.endpoint_url),
        region_name=connection.region,
        aws_access_key_id=shown(connection.access_key_id),
        aws_secret_access_key=shown(connection.secret_access_key),
        config=Config(
            connect_timeout=min(10, connection.timeout_seconds),
            read_timeout=connection.timeout_seconds,
            retries={"total_max_attempts": 1},  # ours are the only ones: they know what may pass
            max_pool_connections=connection.workers,
            s3={"addressing_style": "auto" if connection.endpoint_url is None else "path"},
        ),
    )
    client.meta.events.register("before-parse.s3.GetBucketLifecycleConfiguration", _keep_elements)
    return client
