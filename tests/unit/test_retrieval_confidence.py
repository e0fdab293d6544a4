"""Probabilities from a ranking: what raises them, what lowers them, and that they stay probabilities."""

import numpy as np
import pytest

from service.retrieval.confidence import Own, confidence, confidence_by_words
from service.retrieval.ranking import Ranking

OWN = Own(mean=0.4, spread=0.09, similar=5.0)


def a_ranking(scores: tuple[float, ...] = (0.7, 0.4, 0.35), **views: tuple[float, ...]) -> Ranking:
    values = np.array(scores, dtype=np.float32)
    usual = dict.fromkeys(("dense", "centre", "soft", "grams", "bm25"), values + 0.05)
    given = {name: np.array(view, dtype=np.float32) for name, view in views.items()}
    return Ranking(passages=np.arange(len(values)), scores=values, views={**usual, **given})


def test_a_clear_match_is_sure_and_a_stranger_is_not() -> None:
    assert confidence(a_ranking(), 0.0, OWN).first > 0.9
    stranger = confidence(a_ranking((0.15, 0.14, 0.13)), 0.8, OWN)
    assert stranger.in_scope < 0.2
    assert stranger.first < 0.1


def test_two_alike_leave_the_scope_sure_and_the_first_unsure() -> None:
    torn = confidence(a_ranking((0.7, 0.69, 0.3)), 0.0, OWN)
    assert torn.in_scope > 0.9
    assert torn.first < 0.75
    assert torn.one_of_three > torn.first + 0.15


def test_words_that_no_text_has_lower_it() -> None:
    assert confidence(a_ranking(), 0.9, OWN).first < confidence(a_ranking(), 0.0, OWN).first


def test_where_the_shops_entries_are_near_each_other_the_same_score_says_less() -> None:
    crowded = Own(mean=0.6, spread=0.09, similar=5.0)
    assert confidence(a_ranking(), 0.0, crowded).in_scope < confidence(a_ranking(), 0.0, OWN).in_scope


@pytest.mark.parametrize("similar", [0.0, 0.7, 2.0, 3.5, 5.0, 30.0])
@pytest.mark.parametrize("scores", [(0.9,), (-0.2, -0.3), (0.7, 0.4, 0.35), (1.5,) * 20, (0.0,) * 3])
@pytest.mark.parametrize("unknown", [0.0, 1.0])
def test_they_are_probabilities_in_order_whatever_comes(
    similar: float, scores: tuple[float, ...], unknown: float
) -> None:
    own = Own(mean=0.4, spread=0.0, similar=similar)
    for sure in (confidence(a_ranking(scores), unknown, own), confidence_by_words(a_ranking(scores), unknown)):
        assert 0 <= sure.first <= sure.one_of_three <= sure.in_scope <= 1


def test_more_similar_questions_change_it_without_a_jump() -> None:
    counts = np.linspace(0, 7, 141)
    values = [confidence(a_ranking((0.6, 0.5)), 0.2, Own(mean=0.4, spread=0.09, similar=n)).first for n in counts]
    assert np.abs(np.diff(values)).max() < 0.02


def test_words_alone_are_less_sure_than_words_and_vectors() -> None:
    with_vectors = a_ranking()
    words_only = a_ranking((0.3, 0.15, 0.1))
    assert confidence_by_words(words_only, 0.0).first < confidence(with_vectors, 0.0, OWN).first
