"""Jinja2 environment of every page: autoescaped, undefined names are errors, no outside resources.

A page extends `base.html` and takes its parts from `macros.html`. A package with pages of its own has its templates in
a folder `templates` and names itself to `render`; it finds the shared ones beside them.
"""

import base64
import hashlib
from collections import Counter
from functools import cache
from typing import Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from expunge_reports.page import date_format
from expunge_reports.unsafe_characters import shown

_SHARED: Final = "expunge_reports.page"


def render(template: str, package: str = _SHARED, /, **values: object) -> str:
    """Return a page.

    Args:
        template: its name below `templates/` of the package.
        package: whose template it is.
        values: what the template shows.
    """
    numbers: Counter[str] = Counter()

    def new_id(stem: str) -> str:
        """Return an element id, given out once a page. It is counted, never made of a text that is shown."""
        numbers[stem] += 1
        return f"{stem}-{numbers[stem]}"

    return environment(package).get_template(template).render(new_id=new_id, **values)


@cache
def environment(package: str = _SHARED) -> Environment:
    """Return the environment of a package's templates; the shared ones are found after its own."""
    found = Environment(
        loader=ChoiceLoader([PackageLoader(one) for one in dict.fromkeys((package, _SHARED))]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["label"] = date_format.label
    # The hash of what `base.html` includes, byte by byte.
    sheet = hashlib.sha256(found.get_template("page.css").render().encode()).digest()
    found.globals["security_policy"] = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{base64.b64encode(sheet).decode()}'"
    )
    return found
