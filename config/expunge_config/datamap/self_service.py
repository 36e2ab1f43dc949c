"""Self-service options of the data map: what a signed-in person may request, and after which grace period."""

from __future__ import annotations

from pydantic import Field, StrictBool

from expunge_config.datamap.base import IsoPeriod, Model, Name, Text
from expunge_config.periods import Period


class SelfServiceScope(Model):
    """One choice on the settings page.

    Attributes:
        label: What the page calls it.
        data_types: What goes.
    """

    label: Text
    data_types: tuple[Name, ...] = Field(min_length=1)


class SelfService(Model):
    """What a person may ask for, of one controller.

    Attributes:
        controller: The company itself: data that others hold is theirs to be asked for.
        grace: Time in which the person may take it back.
        grace_waivable: Whether the person may say: at once.
        identities: What the application that signs people in may assert of them; one at least of kind `person`.
        scopes: What can be chosen, by name.
    """

    controller: Name
    grace: IsoPeriod = Field(default_factory=lambda: Period.parse("P14D"))
    grace_waivable: StrictBool = False
    identities: tuple[Name, ...] = Field(min_length=1)
    scopes: dict[Name, SelfServiceScope] = Field(min_length=1)
