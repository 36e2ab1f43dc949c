"""Upload aliases: unfinished uploads that a service lists under another name than they were started with.

SeaweedFS keeps files by paths: it lists the uploads of `/a` and `a//b` as `a` and `a/b`, takes backslashes for slashes,
and puts U+FFFD where XML has no character. To S3 these are different keys. So what is listed under the other form of a
name is asked for by the name itself (ListParts): only a service to which both are one answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from expunge_connectors.s3.client import Service
from expunge_connectors.s3.found_versions import Target, Upload, shared_beginning
from expunge_connectors.s3.xml_names import xml_form

_SLASHES = re.compile(r"[/\\]+")


def as_listed(name: str) -> str:
    """The form under which a name may be listed."""
    return xml_form(_SLASHES.sub("/", name).removeprefix("/"))


def listed_from(head: str) -> str:
    """What every name that begins with this begins with, in either form."""
    return shared_beginning(head, as_listed(head))


class UploadAliases:
    """The targets whose names may be listed in another form.

    Args:
        service: Is asked by their own names.
        targets: Any.
    """

    def __init__(self, service: Service, targets: Sequence[Target]) -> None:
        self._service = service
        self._names = [(form, target) for target in targets if (form := as_listed(target.name)) != target.name]

    def owners(self, upload: Upload) -> Iterator[tuple[Target, Upload]]:
        """Those to which an upload belongs that was listed under another name, with the upload under its own."""
        for form, target in self._names:
            if target.bucket != upload.bucket or target.covers(upload.key):
                continue
            if upload.key == form or (target.is_prefix and upload.key.startswith(form)):
                own = replace(upload, key=target.name + upload.key[len(form) :])
                if self._there(target, own):
                    yield target, own

    def _there(self, target: Target, upload: Upload) -> bool:
        found = self._service.call(
            f"collection {target.collection}",
            "list_parts",
            absent=("NoSuchUpload", "NoSuchKey", "404"),
            Bucket=upload.bucket,
            Key=upload.key,
            UploadId=upload.id,
            MaxParts=1,
        )
        return found is not None
