"""Text cut where a reader would stop: behind a sentence."""

import re

# A full stop counts only before white space, ? and ! not before a letter: those in 3.5 or in an address end nothing.
_SENTENCES = re.compile(r".*(?:[。！？；…][”’」』）)\"']*|[!?;](?=[^A-Za-z0-9])|\.(?=\s)|\n)", re.DOTALL)


def whole_sentences(beginning: str) -> str:
    """The beginning without the sentence that it breaks off in; empty if there is no other."""
    whole = _SENTENCES.match(beginning)
    return whole.group().rstrip() if whole else ""


def cut_at_sentence(text: str, characters: int) -> str:
    """The text, or as many whole sentences of it as fit; one sentence that is too long is cut with an ellipsis."""
    if len(text) <= characters:
        return text
    beginning = text[:characters]
    return whole_sentences(beginning) or beginning[: characters - 1].rstrip() + "…"
