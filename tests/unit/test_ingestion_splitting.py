"""Long sections are cut to size without losing a word."""

from hypothesis import given
from hypothesis import strategies as st

from service.ingestion.splitting import MAX_SECTION_TOKENS, OVERLAP_TOKENS, split

SENTENCE = "退货要在签收后七天内提出申请。"
PARAGRAPH = SENTENCE * 10


def test_a_short_section_stays_whole() -> None:
    assert split("第一段。\n第二段。", len) == ["第一段。\n第二段。"]


def test_a_long_section_is_cut_between_paragraphs_with_a_sentence_in_common() -> None:
    paragraphs = [f"{number}。{PARAGRAPH}" for number in range(6)]
    pieces = split("\n".join(paragraphs), len)
    assert len(pieces) == 3
    assert pieces[0] == "\n".join(paragraphs[:2])
    assert pieces[1] == "\n".join([SENTENCE, *paragraphs[2:4]])
    assert all(len(piece) <= MAX_SECTION_TOKENS for piece in pieces)


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    pieces = split(SENTENCE * 60, len)
    assert all(piece.startswith("退货") and piece.endswith("。") for piece in pieces)


def test_a_long_sentence_is_not_repeated() -> None:
    long = "长" * (OVERLAP_TOKENS + 1) + "。"
    pieces = split("\n".join(f"{number}{long}" for number in range(10)), len)
    assert len(pieces) == 2
    assert not pieces[1].startswith("5长")
    assert "".join(pieces).count("长") == 10 * (OVERLAP_TOKENS + 1)


@given(
    st.lists(st.text(alphabet="退货。！ab；\n", max_size=200), min_size=1, max_size=12).map("".join),
    st.integers(1, 8),
)
def test_no_piece_is_too_long_and_no_word_is_lost(text: str, tokens_a_character: int) -> None:
    def count(part: str) -> int:
        return len(part) * tokens_a_character

    pieces = split(text, count)
    assert all(count(piece) <= MAX_SECTION_TOKENS for piece in pieces)
    letters = iter("".join("".join(pieces).split()))
    assert all(letter in letters for letter in "".join(text.split()))
