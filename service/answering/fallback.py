"""The way without a model: the approved answer, a question back, or the offer of a person, by least expected cost.

What each costs is the bot's (`Costs`), in units of an extra question: a wrong answer by the probability that it is
wrong, a question by itself and by the probability that it is in vain. So the bands of confidence follow from costs,
and a shop that fears wrong answers more changes those, not thresholds.
"""

from collections import Counter
from collections.abc import Sequence

from service.answering import wording
from service.answering.answer import Answer, Citation
from service.answering.sentences import cut_at_sentence
from service.bots import Bot, Costs
from service.retrieval.passages import Match, Passage, Retrieved
from service.text.language import Language, language_of

CHOICES = 3
CHOICE_CHARACTERS = 60
QUOTE_CHARACTERS = 600
"""Of a document's section; about one screen of a phone."""


def out_of_scope(retrieved: Retrieved, costs: Costs) -> bool:
    """An offer costs least whatever was found: no passage can be right more often than the knowledge holds the answer."""
    not_held = 1 - retrieved.in_scope
    answering = not_held * costs.wrong_answer
    asking = costs.question + not_held * costs.vain_question
    return not retrieved.matches or costs.offer < min(answering, asking)


def without_model(question: str, retrieved: Retrieved, bot: Bot) -> Answer:
    """What the shopper gets where no model words the answer."""
    language = language_of(question)
    if out_of_scope(retrieved, bot.costs):
        return offer(question, retrieved)
    costs = {
        "answer": (1 - retrieved.confidence) * bot.costs.wrong_answer,
        "clarification": bot.costs.question + (1 - retrieved.choices_confidence) * bot.costs.vain_question,
        "offer": bot.costs.offer,
    }
    cheapest = min(costs, key=lambda kind: costs[kind])
    if cheapest == "answer":
        return approved(retrieved, language)
    if cheapest == "clarification":
        return _clarification(retrieved, bot, language)
    return offer(question, retrieved)


def approved(retrieved: Retrieved, language: Language) -> Answer:
    """The first passage as staff wrote it: an entry word for word, a section quoted under its heading."""
    first = retrieved.matches[0]
    text = _as_written(first.passage, language)
    return Answer(kind="answer", text=text, confidence=retrieved.confidence, sources=(_citation(first),))


def chosen(passage: Passage) -> Answer:
    """A passage that the shopper picked from the choices: there is no doubt left about which one is meant."""
    text = _as_written(passage, language_of(passage.question))
    return Answer(kind="answer", text=text, confidence=1.0, sources=(Citation(passage=passage, score=1.0),))


def examples_of(passages: Sequence[Passage], count: int) -> list[str]:
    """Questions to show what can be asked: the first of each of the largest categories, which shoppers ask most."""
    entries = [passage for passage in passages if passage.kind == "faq"]
    sizes = Counter(entry.category for entry in entries)
    firsts = {entry.category: entry.question for entry in reversed(entries)}
    return [firsts[category] for category, _ in sizes.most_common(count)]


def offer(question: str, retrieved: Retrieved) -> Answer:
    """The offer of a person."""
    return Answer(kind="offer", text=wording.offer(language_of(question)), confidence=retrieved.confidence)


def _clarification(retrieved: Retrieved, bot: Bot, language: Language) -> Answer:
    choices: dict[str, Match] = {}
    for match in retrieved.matches[:CHOICES]:  # Two sections may stand under one heading: one line for both.
        choices.setdefault(_line(match.passage.question), match)
    return Answer(
        kind="clarification",
        text=wording.clarification(language, list(choices), bot.handoff_words),
        confidence=retrieved.confidence,
        sources=tuple(_citation(match) for match in choices.values()),
    )


def _line(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= CHOICE_CHARACTERS else line[: CHOICE_CHARACTERS - 1] + "…"


def _as_written(passage: Passage, language: Language) -> str:
    return passage.text if passage.kind == "faq" else _quoted(passage, language)


def _quoted(section: Passage, language: Language) -> str:
    text = section.text.strip()
    cut = cut_at_sentence(text, QUOTE_CHARACTERS)
    return wording.quotation(language, section.question, cut, cut=cut != text)


def _citation(match: Match) -> Citation:
    return Citation(passage=match.passage, score=match.score)
