"""A bot's settings: the persona that an account belongs to, its knowledge base, its words and its thresholds."""

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from service.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a mistake costs, in units of an extra question; the bands of confidence follow from these."""

    wrong_answer: float = 6.5
    """Chosen on tests/golden/tuning.jsonl: the most answers with at most 3 % of them wrong and 5 % of strangers answered."""
    offer: float = 3.0
    """Offering a person to a shopper whom the FAQ could have served."""
    question: float = 1.0
    vain_question: float = 3.0
    """On top of `question`, when none of the choices is what the shopper meant."""


@dataclass(frozen=True, kw_only=True)
class Bot:
    """One persona; today the settings describe a single one, named `default`."""

    name: str
    title: str
    """What it calls itself to shoppers."""
    knowledge_dir: Path
    handoff_words: tuple[str, ...]
    return_words: tuple[str, ...]
    contact: str
    """How to reach a person where the account has no agents; may be empty."""
    handoff_minutes: int
    working_hours: str
    zone: ZoneInfo
    costs: Costs = Costs()


def first_bot(settings: Settings) -> Bot:
    """The bot that the environment's settings describe."""
    return Bot(
        name="default",
        title=settings.bot_name,
        knowledge_dir=settings.knowledge_dir,
        handoff_words=settings.handoff_words,
        return_words=settings.return_words,
        contact=settings.handoff_contact,
        handoff_minutes=settings.handoff_minutes,
        working_hours=settings.working_hours,
        zone=ZoneInfo(settings.timezone),
    )
