"""Chinese text in words and in characters' n-grams; what both are made of is letters and digits.

Words come from rjieba, which cuts as jieba does. A shop's own words can be added, so that 七天无理由 stays one word.
"""

import re
from collections.abc import Iterable
from itertools import pairwise

import rjieba

_RUN = re.compile(r"[a-z0-9]+|[^\W_]", re.UNICODE)
_LETTER_OR_DIGIT = re.compile(r"[^\W_]", re.UNICODE)


_CLAUSE_END = re.compile(r"[,。!?;、…~]+|\.(?!\d)|(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])")
SHORTEST_CLAUSE = 3
MOST_CLAUSES = 8


class Segmenter:
    """Cuts normalised text into words."""

    def __init__(self, own_words: Iterable[str] = ()) -> None:
        self._jieba = rjieba.Jieba()
        for word in own_words:
            self._jieba.add_word(word, None, None)

    def words(self, text: str) -> list[str]:
        """The words in their order, without punctuation and white space."""
        return [word for word in self._jieba.cut(text) if _LETTER_OR_DIGIT.search(word)]

    def dictionary_words(self, text: str) -> list[str]:
        """The text cut into words of the dictionary and single characters; none is made up."""
        return list(self._jieba.cut(text, False))

    def is_word(self, text: str) -> bool:
        """Whether the text is one word of the dictionary."""
        return len(self.dictionary_words(text)) == 1


def grams(text: str) -> list[str]:
    """Single characters and neighbouring pairs of normalised text, punctuation and white space left out.

    Latin letters and digits count in pairs too, so that a slip in one letter costs little.
    """
    characters = _LETTER_OR_DIGIT.findall(text)
    return characters + [a + b for a, b in pairwise(characters)]


def clauses(text: str) -> list[str]:
    """The first clauses of normalised text, without scraps such as 好的; none where the text is a single one."""
    found = [clause.strip() for clause in _CLAUSE_END.split(text)]
    whole = [clause for clause in found if len(clause) >= SHORTEST_CLAUSE][:MOST_CLAUSES]
    return whole if len(whole) > 1 else []
