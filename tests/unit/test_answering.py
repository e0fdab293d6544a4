"""What a shopper gets for a question: the approved answer, the model's where it is grounded, a question back, or an offer."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from service.answering.answerer import Answerer
from service.bots import Bot, Costs
from service.llm.openai_chat import OpenAIChat
from service.llm.tokens import EstimatedTokens
from service.retrieval.passages import NOTHING, Match, Passage, Retrieved
from tests.fakes.openai_server import FakeOpenAI, Step

BOT = Bot(
    name="default",
    title="智能客服",
    knowledge_dir=Path("knowledge"),
    handoff_words=("人工", "human"),
    return_words=("机器人",),
    contact="",
    handoff_minutes=30,
    working_hours="24/7",
    zone=ZoneInfo("Asia/Shanghai"),
)
RETURNS = Passage(
    id="RET-01",
    kind="faq",
    question="七天无理由怎么退",
    text="签收后 7 天内，在订单里点「申请退货」，运费由您承担。客服电话 400-800-1234。",
    file="退货.md",
    place="退货",
)
FREIGHT = replace(RETURNS, id="RET-02", question="退货运费谁出", text="质量问题我们出，其他由您承担。")
POLICY = replace(
    RETURNS,
    id="s-1",
    kind="section",
    question="退换货政策 › 运费",
    text="运费按下面的规则。" + "每一种情况都写明了。" * 90,
)


@dataclass(frozen=True)
class Found:
    """A retriever that finds the same whatever is asked."""

    retrieved: Retrieved

    async def retrieve(self, question: str) -> Retrieved:
        return self.retrieved

    async def passages(self) -> Sequence[Passage]:
        return [match.passage for match in self.retrieved.matches]

    async def entry(self, entry_id: str) -> Passage | None:
        return next((passage for passage in await self.passages() if passage.id == entry_id), None)


def found(
    *passages: Passage, p: float = 0.8, p3: float | None = None, scope: float = 0.97, exact: bool = False
) -> Found:
    matches = tuple(Match(passage=passage, score=1 - place / 10) for place, passage in enumerate(passages))
    choices = max(p, 0.9) if p3 is None else p3
    return Found(
        Retrieved(matches=matches, exact=exact, in_scope=scope, confidence=p, choices_confidence=choices, version=1)
    )


def without_key(retriever: Found, bot: Bot = BOT) -> Answerer:
    return Answerer(retriever, bot, None, EstimatedTokens())


@pytest.fixture(scope="module")
def serving() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as fake:
        yield fake


@pytest.fixture
def fake(serving: FakeOpenAI) -> FakeOpenAI:
    serving.forget()
    return serving


@pytest.fixture
async def chat(fake: FakeOpenAI) -> AsyncIterator[OpenAIChat]:
    chat = OpenAIChat(fake.base_url, fake.key, "gpt-4.1-mini", 10, first_pause_seconds=0.01)
    yield chat
    await chat.aclose()


def with_key(retriever: Found, chat: OpenAIChat) -> Answerer:
    return Answerer(retriever, BOT, chat, EstimatedTokens())


def writes(answer: object, *sources: str) -> Step:
    return Step(content=json.dumps({"answer": answer, "sources": list(sources)}, ensure_ascii=False))


# Without a key


async def test_a_sure_match_is_answered_word_for_word() -> None:
    answer = await without_key(found(RETURNS, FREIGHT, p=0.95)).answer("怎么退", deadline_seconds=5)
    assert (answer.kind, answer.text, answer.by_model) == ("answer", RETURNS.text, False)
    assert [citation.passage for citation in answer.sources] == [RETURNS]
    assert answer.confidence == 0.95
    assert answer.usage.calls == 0


async def test_a_section_is_quoted_under_its_heading_and_cut_at_a_sentence() -> None:
    answer = await without_key(found(POLICY, p=0.95)).answer("运费", deadline_seconds=5)
    heading, quoted, note = answer.text.split("\n")
    assert heading == "退换货政策 › 运费"
    assert POLICY.text.startswith(quoted)
    assert quoted.endswith("。")
    assert 500 < len(quoted) <= 600
    assert note == "（以上是节选）"


async def test_between_the_bands_the_shopper_chooses_by_number() -> None:
    answer = await without_key(found(RETURNS, FREIGHT, POLICY, RETURNS, p=0.5)).answer("退", deadline_seconds=5)
    assert answer.kind == "clarification"
    assert answer.text == (
        "您想问的是哪一个？回复数字即可：\n1. 七天无理由怎么退\n2. 退货运费谁出\n3. 退换货政策 › 运费\n都不是的话，回复「人工」找客服。"
    )
    assert [citation.passage.id for citation in answer.sources] == ["RET-01", "RET-02", "s-1"]


async def test_a_single_choice_is_asked_for_as_one() -> None:
    answer = await without_key(found(RETURNS, p=0.5)).answer("退", deadline_seconds=5)
    assert answer.text.startswith("您想问的是这个吗？是的话回复 1：\n1. 七天无理由怎么退\n")


async def test_choices_of_one_wording_are_one_line_and_one_source() -> None:
    answer = await without_key(found(POLICY, replace(POLICY, id="s-2"), RETURNS, p=0.5)).answer(
        "退", deadline_seconds=5
    )
    assert [citation.passage.id for citation in answer.sources] == ["s-1", "RET-01"]
    assert "3." not in answer.text


async def test_the_word_for_a_person_is_one_that_the_bot_understands() -> None:
    bot = replace(BOT, handoff_words=("真人", "person"))
    answer = await without_key(found(RETURNS, FREIGHT, p=0.5), bot).answer("退", deadline_seconds=5)
    assert "回复「真人」" in answer.text


@pytest.mark.parametrize(
    "retriever", [found(RETURNS, p=0.1, p3=0.2), found(RETURNS, p=0.3, p3=0.99, scope=0.3), Found(NOTHING)]
)
async def test_where_it_hardly_knows_a_person_is_offered(retriever: Found) -> None:
    answer = await without_key(retriever).answer("附近有停车场吗", deadline_seconds=5)
    assert answer.kind == "offer"
    assert answer.text == "这个问题我不太确定，怕说错。要为您转人工客服吗？回复「是」即可。"
    assert answer.sources == ()


async def test_costs_move_the_bands() -> None:
    retriever = found(RETURNS, FREIGHT, p=0.95)
    careful = replace(BOT, costs=Costs(wrong_answer=50))
    bold = replace(BOT, costs=Costs(wrong_answer=2))
    assert (await without_key(retriever, careful).answer("退", deadline_seconds=5)).kind == "clarification"
    assert (await without_key(found(RETURNS, p=0.6), bold).answer("退", deadline_seconds=5)).kind == "answer"


async def test_an_english_question_gets_english_words_around_the_choices() -> None:
    answerer = without_key(found(RETURNS, FREIGHT, p=0.5))
    asked = await answerer.answer("how do I return this", deadline_seconds=5)
    offered = await without_key(Found(NOTHING)).answer("is there parking", deadline_seconds=5)
    assert asked.text.startswith("Which of these do you mean?")
    assert 'Reply "human"' in asked.text
    assert 'reply "yes"' in offered.text


async def test_a_chosen_entry_is_answered_as_staff_wrote_it_while_it_is_live() -> None:
    answerer = without_key(found(RETURNS, FREIGHT, POLICY))
    chosen, section = await answerer.approved("RET-02"), await answerer.approved("s-1")
    assert chosen
    assert (chosen.kind, chosen.text, chosen.confidence) == ("answer", FREIGHT.text, 1.0)
    assert [citation.passage for citation in chosen.sources] == [FREIGHT]
    assert section
    assert section.text.startswith("退换货政策 › 运费\n运费按下面的规则。")
    assert await answerer.approved("gone") is None


async def test_examples_are_first_questions_of_the_largest_categories() -> None:
    passages = [
        replace(RETURNS, id=f"{category}-{n}", question=f"{category}{n}", category=category)
        for category, size in (("支付", 1), ("退货", 3), ("物流", 2), ("会员", 2))
        for n in range(size)
    ]
    assert await without_key(found(POLICY, *passages)).examples() == ["退货0", "物流0", "会员0"]


# With a key


async def test_an_entry_asked_for_word_for_word_is_no_call(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    answer = await with_key(found(RETURNS, p=0.99, exact=True), chat).answer("七天无理由怎么退", deadline_seconds=5)
    assert (answer.text, answer.by_model) == (RETURNS.text, False)
    assert fake.requests == []


async def test_what_is_out_of_scope_is_not_sent(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    answer = await with_key(found(RETURNS, p=0.1, p3=0.2, scope=0.2), chat).answer("停车场", deadline_seconds=5)
    assert answer.kind == "offer"
    assert fake.requests == []


async def test_the_models_answer_cites_its_sources(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.plays(writes("签收后七天内可退，运费您出。", "P2", "P1", "P2"))
    answer = await with_key(found(RETURNS, FREIGHT, POLICY, p=0.6), chat).answer("怎么退", deadline_seconds=5)
    assert (answer.kind, answer.text, answer.by_model) == ("answer", "签收后七天内可退，运费您出。", True)
    assert [citation.passage.id for citation in answer.sources] == ["RET-01", "RET-02"]
    assert answer.confidence == 0.6
    assert answer.usage.calls == 1
    assert answer.usage.tokens > 100


async def test_an_answer_from_another_passage_has_that_ones_confidence(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.plays(writes("质量问题我们出。", "P2"))
    answer = await with_key(found(RETURNS, FREIGHT, p=0.6, p3=0.9), chat).answer("谁出", deadline_seconds=5)
    assert answer.confidence == pytest.approx(0.3)


async def test_the_fake_answers_from_the_prompt_itself(chat: OpenAIChat) -> None:
    answer, retrieved = await with_key(found(RETURNS, FREIGHT), chat).answer_with_retrieval("客服电话多少")
    assert answer.text == "客服电话 400-800-1234。"
    assert retrieved.matches[0].passage is RETURNS


async def test_what_the_passages_do_not_hold_is_an_offer(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.plays(writes(""))
    answer = await with_key(found(RETURNS, p=0.95), chat).answer("能开发票吗", deadline_seconds=5)
    assert (answer.kind, answer.by_model, answer.usage.calls) == ("offer", False, 1)


async def test_labels_emphasis_and_a_label_of_its_own_are_taken_off(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.plays(writes("**7 天内**可退（P1）。[P1、P2]（AI生成）", "P1"))
    answer = await with_key(found(RETURNS, FREIGHT), chat).answer("怎么退", deadline_seconds=5)
    assert answer.text == "7 天内可退。"


MALFORMED = [
    Step(content="签收后 7 天内可退。"),
    Step(content='```json\n{"answer": "7 天内可退。", "sources": ["P1"]}\n```'),
    Step(content='["7 天内可退。", ["P1"]]'),
    Step(content='{"answer": "7 天内可退。", "sources": ["P1"], "mood": "good"}'),
    Step(content='{"answer": "7 天内可退。"}'),
    writes(7, "P1"),
    writes("7 天内可退。"),
    writes("", "P1"),
    writes("7 天内可退。", "P3"),
    writes("7 天内可退。", "P0"),
    writes("7 天内可退。", "RET-01"),
    writes("15 天内可退。", "P1"),
    writes("打 13800138000。", "P1"),
    writes("见 https://evil.example.com/x", "P1"),
    Step(content='{"answer": "7 天内可退。", "sou', finish_reason="length"),
    Step(content="", finish_reason="content_filter"),
    Step(empty=True),
    Step(refusal="I can't."),
]


@pytest.mark.parametrize("step", MALFORMED, ids=lambda step: step.content)
async def test_what_cannot_be_shown_gets_one_more_try(chat: OpenAIChat, fake: FakeOpenAI, step: Step) -> None:
    fake.plays(step, writes("7 天内可退。", "P1"))

    with capture_logs() as lines:
        answer = await with_key(found(RETURNS, FREIGHT), chat).answer("怎么退", deadline_seconds=5)

    assert (answer.text, answer.by_model, answer.usage.calls) == ("7 天内可退。", True, 2)
    assert "注意：" in fake.requests[1]["messages"][-1]["content"]
    assert [line["event"] for line in lines] == ["answering.withheld", "answering.repaired"]


@pytest.mark.parametrize("step", MALFORMED, ids=lambda step: step.content)
@pytest.mark.parametrize(("p", "kind"), [(0.95, "answer"), (0.5, "clarification")])
async def test_what_cannot_be_shown_twice_is_answered_as_without_a_key(
    chat: OpenAIChat, fake: FakeOpenAI, step: Step, p: float, kind: str
) -> None:
    fake.always(step)
    answer = await with_key(found(RETURNS, FREIGHT, p=p), chat).answer("怎么退", deadline_seconds=5)
    bare = await without_key(found(RETURNS, FREIGHT, p=p)).answer("怎么退", deadline_seconds=5)
    assert answer.kind == kind
    assert replace(answer, usage=bare.usage) == bare
    assert answer.usage.calls == len(fake.requests) == 2


@pytest.mark.parametrize(
    "step",
    [
        Step(status=401),
        Step(status=402),
        Step(status=429),
        Step(status=500),
        Step(cut_body=True),
        Step(raw_body="<html>"),
        Step(raw_bytes=2_000_000),
    ],
    ids=lambda step: f"{step.status} {step.raw_body or ''}{'cut' if step.cut_body else ''}",
)
@pytest.mark.parametrize(
    ("p", "p3", "kind"), [(0.95, 0.99, "answer"), (0.5, 0.9, "clarification"), (0.2, 0.3, "offer")]
)
async def test_a_failing_model_is_answered_as_without_a_key(
    chat: OpenAIChat, fake: FakeOpenAI, step: Step, p: float, p3: float, kind: str
) -> None:
    fake.always(step)
    with capture_logs() as lines:
        answer = await with_key(found(RETURNS, FREIGHT, p=p, p3=p3), chat).answer("怎么退", deadline_seconds=5)
    assert (answer.kind, answer.by_model) == (kind, False)
    assert answer.usage.calls == len(fake.requests)
    (line,) = [line for line in lines if line["event"] == "answering.model_failed"]
    assert line["code"].startswith("E-M4")


async def test_a_model_that_hangs_leaves_the_approved_answer(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.always(Step(hang=True))
    answer = await with_key(found(RETURNS, p=0.95), chat).answer("怎么退", deadline_seconds=1.2)
    assert (answer.text, answer.usage.calls) == (RETURNS.text, 1)


async def test_without_time_for_it_the_model_is_not_asked(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    answer = await with_key(found(RETURNS, p=0.95), chat).answer("怎么退", deadline_seconds=0.5)
    assert answer.text == RETURNS.text
    assert fake.requests == []


async def test_no_word_of_shopper_or_shop_is_logged(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.always(writes("打 13800138000 找张三。", "P1"))
    with capture_logs() as lines:
        await with_key(found(RETURNS, FREIGHT), chat).answer("我是李四，电话 13900139000", deadline_seconds=5)
    logged = json.dumps(lines, ensure_ascii=False)
    assert lines
    assert not any(word in logged for word in ("13800138000", "13900139000", "张三", "李四", "400-800-1234"))


async def test_no_shopper_reads_of_keys_models_or_networks(chat: OpenAIChat, fake: FakeOpenAI) -> None:
    fake.always(Step(status=401))
    for p in (0.95, 0.5, 0.1):
        answer = await with_key(found(RETURNS, FREIGHT, p=p, p3=max(p, 0.2)), chat).answer("怎么退", deadline_seconds=5)
        assert not any(word in answer.text for word in ("密钥", "模型", "网络", "API", "E-M", "！", "亲"))


async def test_a_fault_of_our_own_is_not_swallowed(chat: OpenAIChat) -> None:
    class Broken(Found):
        async def retrieve(self, question: str) -> Retrieved:
            raise LookupError("no table")

    with pytest.raises(LookupError):
        await Answerer(Broken(NOTHING), BOT, chat, EstimatedTokens()).answer("怎么退", deadline_seconds=5)
