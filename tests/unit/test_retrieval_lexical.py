"""Words and characters: BM25, cosines of n-grams, soft matches; and what there is when there is nothing."""

import math

import numpy as np
import pytest

from service.retrieval.lexical import MOST_WORDS, Lexicon
from service.text.words import Segmenter

TEXTS = ("怎么申请退货", "退货运费谁出", "多久能发货", "？！", "发票怎么开")


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon(TEXTS, Segmenter())


def everything() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(len(TEXTS), dtype=np.int64)


def test_bm25_puts_the_text_with_the_rare_words_first(lexicon: Lexicon) -> None:
    scores = lexicon.bm25(lexicon.terms("退货的运费"))
    assert scores.argmax() == 1
    assert scores[0] > scores[2] == 0.0


def test_a_text_scores_about_one_against_itself(lexicon: Lexicon) -> None:
    for number in (0, 1, 2, 4):
        terms = lexicon.terms(TEXTS[number])
        assert lexicon.bm25(terms)[number] == pytest.approx(1.0, abs=0.01)
        assert lexicon.gram_cosine(terms, everything())[number] == pytest.approx(1.0, abs=1e-5)


def test_bm25_is_lucenes() -> None:
    # Two texts of words alone, each word a single Latin one, so that there are no pairs across words to count.
    lexicon = Lexicon(("退", "货"), Segmenter())
    terms = lexicon.terms("退")
    rarity = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    assert lexicon.bm25(terms)[0] * terms.bm25_best == pytest.approx(rarity / (1 + 1.5), rel=1e-5)


def test_a_text_without_letters_matches_nothing_and_breaks_nothing(lexicon: Lexicon) -> None:
    terms = lexicon.terms("退货")
    likeness = np.ones((len(terms.words), len(lexicon.vocabulary)), dtype=np.float32)
    likeness[:, 0] = 0
    assert lexicon.gram_cosine(terms, everything())[3] == 0
    assert lexicon.soft_match(terms, likeness, everything())[3] == 0


@pytest.mark.parametrize("question", ["", "？？", "[微笑]", "zzz 量子力学"])
def test_a_question_of_which_no_text_knows_a_word_scores_nothing(lexicon: Lexicon, question: str) -> None:
    terms = lexicon.terms(question)
    assert terms.unknown == 1.0
    assert not lexicon.bm25(terms).any()


def test_unknown_words_count_by_their_rarity(lexicon: Lexicon) -> None:
    assert lexicon.terms("怎么申请退货").unknown == 0
    assert 0.2 < lexicon.terms("怎么申请量子退货").unknown < 0.9


def test_only_some_words_of_a_pasted_page_are_looked_at(lexicon: Lexicon) -> None:
    page = " ".join(f"word{n}" for n in range(500))
    assert len(lexicon.terms(page).words) == MOST_WORDS


def test_a_soft_match_takes_each_words_likest(lexicon: Lexicon) -> None:
    terms = lexicon.terms("退款")
    likeness = np.zeros((1, len(lexicon.vocabulary)), dtype=np.float32)
    likeness[0, lexicon.vocabulary.index("退货")] = 0.64
    met = lexicon.soft_match(terms, likeness, everything())
    assert met[0] == pytest.approx(0.64)
    assert not met[2:].any()


def test_texts_can_be_asked_in_any_order_and_number(lexicon: Lexicon) -> None:
    terms = lexicon.terms("退货运费")
    whole = lexicon.gram_cosine(terms, everything())
    some = np.array([4, 1, 1], dtype=np.int64)
    assert lexicon.gram_cosine(terms, some) == pytest.approx(whole[some])
