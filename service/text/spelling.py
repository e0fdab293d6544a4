"""Slips of a pinyin keyboard mended: 优惠卷 becomes the shop's own 优惠券.

A phone offers every word of one sound, and the wrong one is taken. So where a question has characters that no word of
the language is made of, and that sound like a word which the shop's texts use, that word is meant, provided that the
sentence falls into fewer words with it: a slip leaves splinters, while 锅甲 in 锅甲醛超标 is the seam of two words and
no 国家. What is a word by itself is left alone, whatever it sounds like, and so are the commonest characters, which
nobody mistakes, and characters that stand side by side in the shop's own texts. Sounds are without tones, by each
character's commonest reading.
"""

import os
import re
from collections.abc import Collection, Iterable

from service.text.words import Segmenter

LONGEST = 4
"""Characters of a word that is looked for; longer ones are rarely typed at one go."""
_READ_AS = {"券": "juan"}
"""Characters that so many read wrongly that they type them so: 优惠卷, 代金卷."""
_COMMON = frozenset(
    "的了是不我你他她它在有就也都还要会能可和与或这那哪个什么怎样为吗呢吧啊呀嘛好很太多少大小上下里去来到从把被给让跟对"
    "一二三四五六七八九十几两没得地着过说看想用做买卖谁些个只店已"
)
"""Words of one character that stand beside anything: two of them side by side are no slip."""
_CHINESE = re.compile(r"[\u4e00-\u9fff]+")


class Spelling:
    """Mends normalised text; made of the words that the shop's texts have and of their neighbouring characters."""

    def __init__(self, words: Iterable[str], pairs: Collection[str], segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._pairs = pairs
        self._sounds: dict[str, str] = {}
        self._words: dict[tuple[str, ...], str] = {}
        for word in words:
            if 2 <= len(word) <= LONGEST and _CHINESE.fullmatch(word):
                self._words.setdefault(self._sound_of(word), word)

    def mend(self, text: str) -> str:
        """The text with the shop's own words in place of slips; the same text where there are none."""
        return _CHINESE.sub(lambda run: self._mended(run[0]), text)

    def _mended(self, run: str) -> str:
        mended = ""
        place = 0
        while place < len(run):
            word, length = self._meant(run, place)
            mended += word
            place += length
        return mended

    def _meant(self, run: str, place: int) -> tuple[str, int]:
        """What stands at this place, and how many characters of the run it takes."""
        for length in range(min(LONGEST, len(run) - place), 1, -1):
            typed = run[place : place + length]
            word = self._words.get(self._sound_of(typed))
            if word and word != typed and self._is_slip(run, place, word):
                return word, length
        return run[place], 1

    def _is_slip(self, run: str, place: int, word: str) -> bool:
        typed = run[place : place + len(word)]
        if all(typed[at : at + 2] in self._pairs for at in range(len(typed) - 1)):
            return False
        mistaken = [a for a, b in zip(typed, word, strict=True) if a != b]
        if len(typed) > 2 and len(mistaken) == 1:
            return True  # 优惠卷 is typed so often that dictionaries have it: a long word with one character off
        if any(character in _COMMON for character in mistaken) or self._segmenter.is_word(typed):
            return False
        around = (run[:place], run[place + len(word) :])
        mended = 1 + sum(len(self._segmenter.dictionary_words(part)) for part in around)
        return mended < len(self._segmenter.dictionary_words(run))

    def _sound_of(self, text: str) -> tuple[str, ...]:
        for character in text:
            if character not in self._sounds:
                self._sounds[character] = _sound(character)
        return tuple(self._sounds[character] for character in text)


def _sound(character: str) -> str:
    if character in _READ_AS:
        return _READ_AS[character]
    # Without its dictionary of phrases, which takes 45 MB: a slip is no phrase.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    from pypinyin import lazy_pinyin

    return lazy_pinyin(character)[0]
