"""What a text is, before anything is looked up: a wish for a person, a yes, a choice, a greeting, or a question.

A word counts where it is the whole message or a clear wish, not wherever it occurs: 人工费多少 is a question.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.conversation.messages import Choice, Reply
from service.text.normalise import match_key, normalise, without_courtesy

OFFER_STANDS = timedelta(minutes=30)
"""How long a yes or a number refers to what the bot asked."""


@dataclass(frozen=True)
class WantsPerson: ...


@dataclass(frozen=True)
class WantsBot: ...


@dataclass(frozen=True)
class Declines:
    """No to the offer of a person, or to all the choices."""


@dataclass(frozen=True)
class Chooses:
    choice: Choice


@dataclass(frozen=True)
class ChoosesNothing:
    """A number for which there is no choice."""

    count: int


@dataclass(frozen=True)
class WantsMore: ...


@dataclass(frozen=True)
class Greets: ...


@dataclass(frozen=True)
class Thanks: ...


@dataclass(frozen=True)
class Asks:
    question: str


Intent = WantsPerson | WantsBot | Declines | Chooses | ChoosesNothing | WantsMore | Greets | Thanks | Asks

_BEFORE = (
    "你好|您好|请问|请|麻烦|我想要|我想|我要|我需要|我|想要|想|要|需要|帮我|帮忙|给我|给|能不能|可不可以|可以|能|有没有|有|你们|直接|快点|快|赶紧|马上|立刻|转接到|转接|转到|转|接入|接通|接|"
    "联系|叫|换成|换|找|来|呼叫|一个|个|一下|下|和|跟|与|到|还是|那就|那|就"
)
_WHO = frozenset(
    "你是谁 你是机器人吗 你是机器人 你是真人吗 你是真人 是机器人吗 是机器人 是真人吗 是真人 你是人吗 你是人还是机器人 是人工还是机器人 whoareyou areyouabot areyouhuman".split()
)
_ASKING = "转接到|转接|转到|转|接入|接通|接|联系|叫|换成|换|找|要|来|呼叫|需要"
_AFTER = (
    "吧|吗|呢|啊|呀|嘛|么|在|谢谢|快点|在吗|在不在|在线吗|说话|聊聊|聊|沟通|服务|来|了|一下|处理|解决|接待|帮忙|帮我|行吗|行不行|可以吗|好吗|好不好|回复|回答|"
    "客服|人员|为我|给我|我"
)
_POLITE = "吧|吗|呢|啊|呀|嘛|么|在|谢谢|在吗|在不在|在线吗|有吗"
_STRONG = ("人工", "真人", "转")
_ENGLISH_WISH = re.compile(
    r"(please|can|could|may|i|we|want|would|like|need|to|talk|speak|chat|connect|transfer|me|get|let|with|you|"
    r"a|an|the|real|live|human|person|agent|representative|someone|customer|service|staff|now|\s)+"
)
_ENGLISH_PERSON = re.compile(r"\b(human|person|agent|representative|customer service|staff)\b")

_YES = frozenset(
    "是 是的 对 对的 好 好的 好吧 可以 行 要 要的 嗯 嗯嗯 需要 转 转吧 转人工吧 麻烦了 好呀 好啊 ok okay yes y yeah sure 1".split()
)
_ALL_RIGHT = frozenset("好 好的 好吧 好呀 好啊 可以 行 嗯 嗯嗯 ok okay".split())
_NO = frozenset(
    "不 不是 不要 不用 不用了 不需要 不必 算了 没有 都不是 都不对 以上都不是 没有我要的 no nope none 否 0".split()
)
_MORE = frozenset("继续 继续看 更多 下一页 接着说 然后呢 more continue next".split())
_HELLO = frozenset(
    "你好 您好 你好啊 你好呀 您好啊 在吗 在么 在不在 有人在吗 hi hello hey 哈喽 哈啰 嗨 早上好 上午好 中午好 下午好 晚上好 早 早安 喂".split()
)
_THANKS = frozenset(
    "谢谢 谢谢你 谢谢您 谢谢啦 谢谢了 多谢 感谢 非常感谢 谢了 知道了谢谢 好的谢谢 明白了谢谢 辛苦了 thanks thankyou thx 知道了 明白了 了解 收到".split()
)
_NUMBER = re.compile(r"(?:第|选|选择|我选)?\s*(\d{1,2}|[一二三四五六七八九])\s*(?:个|项|号|吧|\.|、|。)?")
_DIGITS = {digit: number for number, digit in enumerate("一二三四五六七八九", start=1)}
_CLAUSES = re.compile(r"[，,。.！!？?；;、\s]+")


class Router:
    """Reads texts, given a bot's own words for a person and for the bot."""

    def __init__(self, handoff_words: Sequence[str], return_words: Sequence[str]) -> None:
        self._handoff = frozenset(match_key(word) for word in handoff_words)
        self._return = frozenset(match_key(word) for word in return_words)
        words = "|".join(re.escape(word) for word in sorted(self._handoff, key=len, reverse=True))
        self._wish = re.compile(
            f"(?P<before>(?:{_BEFORE})*?)(?P<word>{words})(?P<after>(?:{_AFTER}|{words})*)(?P<more>.*)"
        )
        if not words:
            self._wish = re.compile(r"(?!)(?P<before>)(?P<word>)(?P<after>)(?P<more>)")

    def read(self, text: str, shown: Reply | None, shown_at: datetime | None, now: datetime) -> Intent:
        """What `text` is, where `shown` is the last reply that the user has seen, at `shown_at`."""
        key = match_key(text)
        standing = shown if shown is not None and shown_at is not None and now - shown_at <= OFFER_STANDS else None
        if key in self._return:
            return WantsBot()
        if not key:  # signs and faces only
            return Greets()
        if standing is not None and standing.choices and (answer := self._chosen(text, key, standing)):
            return answer
        if standing is not None and standing.kind == "offer":
            if key in _YES:
                return WantsPerson()
            if key in _NO:
                return Declines()
        if self.wants_person(text):
            return WantsPerson()
        if key in _MORE:
            return WantsMore()
        if key in _HELLO or key in _WHO:
            return Greets()
        if key in _THANKS or key in _ALL_RIGHT:
            return Thanks()
        if key in _YES:  # to nothing that was asked
            return Greets()
        return Asks(question=text)

    def wants_person(self, text: str) -> bool:
        """The whole message, or one clause of it that says so clearly, asks for a person."""
        key = match_key(text)
        if not key:
            return False
        if key in self._handoff or self._is_wish(key, alone=True):
            return True
        plain = normalise(text)
        if _ENGLISH_PERSON.search(plain) and _ENGLISH_WISH.fullmatch(plain.strip(" .!?")):
            return True
        return any(self._is_wish(match_key(clause), alone=False) for clause in _CLAUSES.split(plain) if clause)

    def _is_wish(self, key: str, *, alone: bool) -> bool:
        """`alone`: the key is the whole message, not a clause of a longer one.

        客服 by itself may be who is spoken to (客服，这个能退吗) or spoken of (客服回复我了): it needs a verb that
        asks, or nothing but politeness around it. 人工 and 真人 are wishes wherever a clause is about nothing else,
        and with a verb before them whatever is to be done follows: 我要人工客服帮我退款.
        """
        found = self._wish.fullmatch(key)
        if not found:
            return False
        asks = re.search(_ASKING, found["before"] + found["word"]) is not None
        strong = found["word"].startswith(_STRONG)
        if found["more"]:
            return (
                asks
                and strong
                and re.match("(?:客服|服务|人员)*(?:帮|给我|来|处理|解决|看)", found["after"] + found["more"])
                is not None
            )
        if strong or asks:
            return True
        return alone and re.fullmatch(f"(?:{_POLITE}|{_BEFORE})*", found["after"]) is not None

    def _chosen(self, text: str, key: str, shown: Reply) -> Intent | None:
        """One of the choices, by its number or its words; an answer that was chosen still lets another be chosen."""
        choices = shown.choices
        number = _NUMBER.fullmatch(without_courtesy(normalise(text)).strip())
        wanted = (_DIGITS.get(number[1]) or int(number[1])) if number else 0
        if 1 <= wanted <= len(choices):
            return Chooses(choice=choices[wanted - 1])
        for choice in choices:
            if key and key == match_key(choice.question):
                return Chooses(choice=choice)
        if shown.kind != "clarification":
            return None
        if number:
            return ChoosesNothing(count=len(choices))
        if key in _NO:
            return Declines()
        if key in _YES and len(choices) == 1:
            return Chooses(choice=choices[0])
        return None
