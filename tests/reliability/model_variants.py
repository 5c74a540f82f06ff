"""The protocol's rules as switches, and the variants with the verdict that each must get."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class NotFound(Enum):
    """What to do when Meta does not know a container after a publish of it."""

    ASK = "ask again"
    PARK = "leave it to a person"
    ASK_THEN_PARK = "ask again, and in the end leave it to a person"
    RENEW = "make a new container"
    RENEW_WHEN_OLD = "make a new container after 24 hours, if the post is not listed"


class GiveUp(Enum):
    """Which containers are given up although Meta does not say that they are dead."""

    NEVER = "none"
    UNSENT = "not found, and no publish of it was ever sent"
    REFUSED = "not found, and every publish of it was refused or not sent: the sole-attempt rule"
    ANY = "not found, whatever became of the other publishes"


class Quiet(Enum):
    """What is certain when a container is sent again after an unanswered publish."""

    NOTHING = "nothing: a request may arrive at any time"
    NONE_IN_FLIGHT = "no publish of it is on the wire"
    NO_SENDER = "and no worker is about to send one"
    NEVER_AGAIN = "it is never sent again"


class Intent(Enum):
    """When an attempt is written down."""

    BEFORE = "before it is sent"
    AFTER = "after it was sent"
    NEVER = "not at all"


@dataclass(frozen=True)
class Variant:
    """The protocol. The defaults are those of the design; the code's are in `AS_IN_THE_CODE`."""

    #: A1: of two publishes of a container at the same time, Meta carries out one. Else it
    #: checks, and acts later.
    atomic: bool = True
    not_found: NotFound = NotFound.PARK
    give_up: GiveUp = GiveUp.NEVER
    quiet: Quiet = Quiet.NOTHING
    intent: Intent = Intent.BEFORE
    #: Commands are refused to a worker that has lost its claim.
    fenced: bool = True
    #: The container is a row: the next worker finds it.
    recorded: bool = True
    #: The segment may get a container although it has a live one, which is then forgotten.
    second_live: bool = False
    #: A segment in doubt becomes publishable again when every attempt came to nothing.
    reopened: bool = True
    #: A definite refusal fails the job although a publish is in doubt.
    fails_in_doubt: bool = False
    #: The database forgets attempts that were committed, and whatever came after them.
    intent_lost: bool = False
    #: The HTTP library sends a publish again when it hears nothing.
    http_repeats: bool = False


@dataclass(frozen=True)
class Row:
    """A variant, and what has to come of it with A1 and without."""

    name: str
    variant: Variant
    atomic: str
    not_atomic: str

    @property
    def is_mutant(self) -> bool:
        return self.atomic != "safe"

    @property
    def cases(self) -> tuple[tuple[Variant, str], ...]:
        """The variant under both assumptions, with the verdict expected."""
        without = replace(self.variant, atomic=False)
        return (self.variant, self.atomic), (without, self.not_atomic)


DESIGN = Variant()
SOLE = replace(DESIGN, give_up=GiveUp.REFUSED)
AS_IN_THE_CODE = replace(SOLE, not_found=NotFound.ASK_THEN_PARK)
LOST = replace(DESIGN, intent_lost=True)

ROWS = (
    Row(
        "as in the code: not found is asked, in the end parked; sole-attempt rule",
        AS_IN_THE_CODE,
        "safe",
        "double",
    ),
    Row("design: status decides, not found parks", DESIGN, "safe", "double"),
    Row(
        "not found: keep asking",
        replace(DESIGN, not_found=NotFound.ASK),
        "safe",
        "double",
    ),
    Row("sole-attempt rule", SOLE, "safe", "double"),
    Row(
        "quiet: none in flight",
        replace(DESIGN, quiet=Quiet.NONE_IN_FLIGHT),
        "safe",
        "double",
    ),
    Row(
        "quiet: none in flight, no frozen sender",
        replace(DESIGN, quiet=Quiet.NO_SENDER),
        "safe",
        "safe",
    ),
    Row(
        "never a second send",
        replace(DESIGN, quiet=Quiet.NEVER_AGAIN),
        "safe",
        "safe",
    ),
    Row("intent lost by a failover", LOST, "safe", "double"),
    Row(
        "container recorded, no attempts",
        replace(DESIGN, intent=Intent.NEVER),
        "safe",
        "double",
    ),
    Row(
        "mutant: intent lost, sole-attempt rule",
        replace(LOST, give_up=GiveUp.REFUSED),
        "double",
        "double",
    ),
    Row(
        "mutant: intent lost, containers without attempts given up",
        replace(LOST, give_up=GiveUp.UNSENT),
        "double",
        "double",
    ),
    Row(
        "mutant: new container when the status is not found",
        replace(DESIGN, not_found=NotFound.RENEW),
        "double",
        "double",
    ),
    Row(
        "mutant: only after 24 h and with an empty listing",
        replace(DESIGN, not_found=NotFound.RENEW_WHEN_OLD),
        "double",
        "double",
    ),
    Row(
        "mutant: new container on any 4279009",
        replace(DESIGN, give_up=GiveUp.ANY),
        "double",
        "double",
    ),
    Row(
        "mutant: HTTP library re-sends (sole-attempt rule)",
        replace(SOLE, http_repeats=True),
        "double",
        "double",
    ),
    Row(
        "mutant: intent written after the send (sole-attempt rule)",
        replace(SOLE, intent=Intent.AFTER),
        "double",
        "double",
    ),
    Row(
        "mutant: intent not written at all (sole-attempt rule)",
        replace(SOLE, intent=Intent.NEVER),
        "double",
        "double",
    ),
    Row(
        "mutant: task retried from scratch",
        replace(DESIGN, recorded=False, fenced=False),
        "double",
        "double",
    ),
    Row(
        "mutant: lease checked before each send, no record",
        replace(DESIGN, recorded=False, intent=Intent.NEVER),
        "double",
        "double",
    ),
    Row(
        "mutant: a second live container",
        replace(DESIGN, second_live=True),
        "double",
        "double",
    ),
    Row(
        "mutant: commands not fenced (sole-attempt rule)",
        replace(SOLE, fenced=False),
        "double",
        "double",
    ),
    Row(
        "mutant: a segment stays in doubt when nothing is",
        replace(DESIGN, reopened=False),
        "stuck",
        "double",
    ),
    Row(
        "mutant: a refusal fails the job although a publish is in doubt",
        replace(SOLE, fails_in_doubt=True, quiet=Quiet.NEVER_AGAIN),
        "false",
        "false",
    ),
)
