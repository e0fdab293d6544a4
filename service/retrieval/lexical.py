"""What the words and characters of a version's texts say: BM25, cosine of character n-grams, rare and unknown words.

A `Lexicon` is built in memory from the passages' texts and never changes. All scores are of texts; ranking joins
them to passages. BM25 is Lucene's, over words and pairs of characters, divided by what the question itself would
score as a text: 1 means "all of its words, in a text as short". It is worked out here with numpy, since the n-grams'
cosines need the same counts: built in a third of the time of a library that counts again. Term number 0 is nobody's:
it stands in texts that have no term at all, so that each text's stretch of the flat arrays has a length.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.text.normalise import normalise
from service.text.words import Segmenter, grams

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Ints64 = NDArray[np.int64]

K1, B = 1.5, 0.75
"""BM25's usual constants."""
MOST_WORDS = 64
"""Distinct words of a question that are looked at, so that a page pasted into the chat costs no more than a line."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """A question as the lexicon sees it."""

    text: str
    """Normalised."""
    words: tuple[str, ...]
    """Distinct, in their order."""
    word_numbers: Ints
    """Each word's number; 0 where no text has it."""
    rarity: Floats
    """Each word's inverse document frequency; a word that no text has is the rarest."""
    unknown: float
    """Share of the rarity in words that no text has, 0 to 1."""
    bm25_counts: tuple[tuple[int, int], ...]
    """BM25 term numbers that the texts have, and how often the question has each."""
    bm25_best: float
    gram_weights: Floats
    """By gram number, of unit length over all grams of the question, known or not."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How often which term stands in which text: lists of different lengths, end to end."""

    terms: Ints
    times: Floats
    starts: Ints64
    """Where each text's terms begin; one more than there are texts."""

    def take(self, texts: Ints64) -> tuple[Ints64, Ints64]:
        """Places of these texts' terms, and where each text's begin among them."""
        lengths = self.starts[texts + 1] - self.starts[texts]
        begins = np.zeros(len(texts), dtype=np.int64)
        np.cumsum(lengths[:-1], out=begins[1:])
        return np.arange(int(lengths.sum())) - np.repeat(begins - self.starts[texts], lengths), begins


@dataclass(frozen=True, kw_only=True)
class Postings:
    """BM25 by term: in which texts a term stands, and what it adds to their score."""

    texts: Ints
    scores: Floats
    starts: Ints64
    rarity: Floats
    mean_length: float


class Lexicon:
    """The words and grams of a version's texts."""

    def __init__(self, texts: Sequence[str], segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        words, pieces = _Counting(), _Counting()
        for text in texts:
            plain = normalise(text)
            words.add(segmenter.words(plain))
            pieces.add(grams(plain))
        self._word_numbers, self._words = words.numbers, words.counts()
        self._gram_numbers, self._grams = pieces.numbers, pieces.counts()
        self._count = len(texts)
        self._rarity = _rarity(np.bincount(self._words.terms, minlength=len(self._word_numbers)), self._count)
        self._no_rarity = float(_rarity(np.zeros(1), self._count)[0])
        self._gram_share = _shares(self._grams)
        self._terms_of_pairs = {
            piece: self._word_numbers.get(piece, len(self._word_numbers) + number)
            for piece, number in self._gram_numbers.items()
            if len(piece) == 2
        }
        term_of = np.zeros(len(self._gram_numbers), dtype=np.int64)
        term_of[[self._gram_numbers[piece] for piece in self._terms_of_pairs]] = list(self._terms_of_pairs.values())
        self._postings = _postings(self._words, self._grams, term_of)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """All words by their number; number 0 is nobody's."""
        return tuple(self._word_numbers)

    @property
    def pairs(self) -> frozenset[str]:
        """Neighbouring characters that stand in the texts."""
        return frozenset(self._terms_of_pairs)

    def terms(self, question: str) -> Terms:
        """The question's words and grams, weighed."""
        text = normalise(question)
        in_order = self._segmenter.words(text)
        words = tuple(dict.fromkeys(in_order))[:MOST_WORDS]
        numbers = np.array([self._word_numbers.get(word, 0) for word in words], dtype=np.int32)
        rarity = np.where(numbers > 0, self._rarity[numbers], self._no_rarity).astype(np.float32)
        total = float(rarity.sum())
        pieces = Counter(grams(text))
        length = float(np.sqrt(sum((1 + np.log(n)) ** 2 for n in pieces.values()))) or 1.0
        gram_weights = np.zeros(len(self._gram_numbers), dtype=np.float32)
        for piece, n in pieces.items():
            gram_weights[self._gram_numbers.get(piece, 0)] = (1 + np.log(n)) / length
        gram_weights[0] = 0.0
        counts, best = self._bm25_terms(in_order, pieces)
        return Terms(
            text=text,
            words=words,
            word_numbers=numbers,
            rarity=rarity,
            unknown=float(rarity[numbers == 0].sum()) / total if total else 1.0,
            bm25_counts=counts,
            bm25_best=best,
            gram_weights=gram_weights,
        )

    def bm25(self, terms: Terms) -> Floats:
        """BM25 of each text over the question's own best."""
        scores = np.zeros(self._count, dtype=np.float32)
        postings = self._postings
        for term, times in terms.bm25_counts:
            stretch = slice(postings.starts[term], postings.starts[term + 1])
            scores[postings.texts[stretch]] += np.float32(times) * postings.scores[stretch]
        return scores / np.float32(terms.bm25_best)

    def gram_cosine(self, terms: Terms, texts: Ints64) -> Floats:
        """Cosine of the character n-grams of the question and of each of these texts."""
        places, starts = self._grams.take(texts)
        products = terms.gram_weights[self._grams.terms[places]] * self._gram_share[places]
        return np.asarray(np.add.reduceat(products, starts), dtype=np.float32)

    def soft_match(self, terms: Terms, likeness: Floats, texts: Ints64) -> Floats:
        """How well each question word is met by its likest word in each text, weighed by rarity.

        `likeness` has a row for each question word and a column for each word of the vocabulary.
        """
        places, starts = self._words.take(texts)
        best = np.maximum.reduceat(likeness[:, self._words.terms[places]], starts, axis=1)
        met: Floats = (terms.rarity @ best) / np.float32(max(float(terms.rarity.sum()), 1e-9))
        return met

    def _bm25_terms(self, words: Sequence[str], pieces: Counter[str]) -> tuple[tuple[tuple[int, int], ...], float]:
        known: Counter[int] = Counter()
        strange = 0
        for term, times, numbers in (
            *((word, 1, self._word_numbers) for word in words),
            *((piece, n, self._terms_of_pairs) for piece, n in pieces.items() if len(piece) == 2),
        ):
            if term in numbers:
                known[numbers[term]] += times
            else:
                strange += times
        if not known and not strange:
            return (), 1.0
        length = (known.total() + strange) / self._postings.mean_length
        room = K1 * (1 - B + B * length)
        best = strange * self._no_rarity / (1 + room)
        for number, count in known.items():
            best += count * float(self._postings.rarity[number]) * count / (count + room)
        return tuple(known.items()), best


class _Counting:
    """Numbers terms as they come, text by text: the strings themselves would take far more memory."""

    def __init__(self) -> None:
        self.numbers = {"": 0}
        self._flat = array("i")
        self._lengths = array("i")

    def add(self, terms: Sequence[str]) -> None:
        numbers = self.numbers
        self._flat.extend([numbers.setdefault(term, len(numbers)) for term in terms or ("",)])
        self._lengths.append(len(terms) or 1)

    def counts(self) -> Counts:
        texts, size = len(self._lengths), len(self.numbers)
        owners = np.repeat(np.arange(texts), self._lengths)
        keys, times = np.unique(owners * size + np.array(self._flat, dtype=np.int64), return_counts=True)
        owners, terms = np.divmod(keys, size)
        starts = np.searchsorted(owners, np.arange(texts + 1))
        return Counts(terms=terms.astype(np.int32), times=times.astype(np.float32), starts=starts)


def _rarity(frequency: Ints64 | NDArray[np.float64], texts: int) -> Floats:
    """Lucene's inverse document frequency, never negative."""
    rarity: Floats = np.log1p((texts - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
    return rarity


def _shares(counts: Counts) -> Floats:
    """Each gram's part in its text's vector of unit length."""
    weights = 1 + np.log(counts.times)
    lengths = np.sqrt(np.add.reduceat(weights**2, counts.starts[:-1]))
    shares: Floats = (weights / np.repeat(lengths, np.diff(counts.starts))).astype(np.float32)
    return shares


def _postings(words: Counts, pieces: Counts, term_of: Ints64) -> Postings:
    """BM25 over words, and the pairs among the pieces: `term_of` a piece, 0 where it isn't a pair.

    A pair that is a word as well counts twice under one number.
    """
    count = len(words.starts) - 1
    terms_of_pieces = term_of[pieces.terms]
    paired = terms_of_pieces > 0
    size = int(max(words.terms.max(), term_of.max(initial=0))) + 1
    keys, where = np.unique(
        np.concatenate([words.terms + _owners(words) * size, terms_of_pieces[paired] + _owners(pieces)[paired] * size]),
        return_inverse=True,
    )
    times = np.bincount(where, weights=np.concatenate([words.times, pieces.times[paired]]))
    texts, terms = np.divmod(keys, size)
    lengths = np.bincount(texts, weights=times, minlength=count)
    mean_length = float(lengths.mean())
    rarity = _rarity(np.bincount(terms, minlength=size), count)
    scores = rarity[terms] * times / (times + K1 * (1 - B + B * lengths[texts] / mean_length))
    order = np.argsort(terms, kind="stable")
    return Postings(
        texts=texts[order].astype(np.int32),
        scores=scores[order].astype(np.float32),
        starts=np.searchsorted(terms[order], np.arange(size + 1)),
        rarity=rarity,
        mean_length=mean_length,
    )


def _owners(counts: Counts) -> Ints64:
    return np.repeat(np.arange(len(counts.starts) - 1), np.diff(counts.starts))
