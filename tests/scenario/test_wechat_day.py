"""A shop's day on WeChat, played whole: service, platform and model are processes of their own."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.answering.wording import AI_LABEL
from service.conversation.wording import MORE_FOLLOWS, answer_follows
from tests.scenario.shop import FAQ, Shop, a_shop

QUESTIONS = [
    "你们家退货流程是啥", "东西不想要了", "我买错颜色了要退", "退货的邮费谁承担呀", "寄回去的钱我自己付吗", "啥时候给我发货", "拍了两天还没发出来",
    "你们一般发哪个快递", "能不能发顺丰", "想要一张发票", "发票怎么弄", "公司报销要票", "退货在哪里点", "几天之内能退", "质量不好退回去运费呢",
    "付完款多久寄", "物流走哪家", "申请发票的入口", "买了不合适可以退不", "电子发票发到哪里",
]  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with a_shop(tmp_path_factory.mktemp("safe")) as opened:
        yield opened


def test_the_server_check_passes_and_a_wrong_signature_does_not(shop: Shop) -> None:
    assert shop.wechat.post("/play/verify", json={"account": "safe"}).json()["passed"]
    assert not shop.wechat.post("/play/verify", json={"account": "safe", "spoilt": "signature"}).json()["passed"]


def test_twenty_different_questions_are_answered_by_the_first_try(shop: Shop) -> None:
    for number, question in enumerate(QUESTIONS):
        outcome = shop.push(content=question, openid=f"o-asks-{number}")
        assert outcome["fault"] is None
        assert outcome["shown"], question
        assert len(outcome["tries"]) == 1


def test_an_approved_question_is_answered_word_for_word_without_the_model(shop: Shop) -> None:
    before = len(shop.model_requests())
    assert shop.say("什么时候发货？", "o-exact") == "付款后 48 小时内发货。"
    assert len(shop.model_requests()) == before


def test_a_models_words_carry_the_label_and_its_prompt_holds_the_passages(shop: Shop) -> None:
    shop.script({"content": '{"answer": "付款后 48 小时内发货。", "sources": ["P1"]}'})
    assert shop.say("我昨天付的款今天会发货吗", "o-model") == "付款后 48 小时内发货。" + AI_LABEL


def test_a_figure_that_no_passage_holds_never_reaches_the_shopper(shop: Shop) -> None:
    invented = {"content": '{"answer": "付款后 12 小时内发货，晚了赔您 50 元。", "sources": ["P1"]}'}
    shop.script(invented, invented)
    shown = shop.say("我昨天付的款今天会发货吗", "o-figures")
    assert "12" not in shown
    assert "50" not in shown


def test_a_retry_with_the_same_id_gets_the_same_and_costs_nothing(shop: Shop) -> None:
    first = shop.push(content="我昨天付的款今天会发货吗", openid="o-retry")
    before = len(shop.model_requests())
    again = shop.push(content="我昨天付的款今天会发货吗", openid="o-retry", again=first["push"])
    assert again["shown"] == first["shown"]
    assert len(shop.model_requests()) == before


def test_two_tries_at_the_same_time_are_one_turn(shop: Shop) -> None:
    before = len(shop.model_requests())
    body = {
        "account": "safe",
        "kind": "text",
        "openid": "o-twice",
        "fields": {"content": "我昨天付的款会发货吗"},
        "copies": 2,
    }
    outcomes = shop.wechat.post("/play/push", json=body, timeout=60).json()
    assert outcomes[0]["shown"] == outcomes[1]["shown"]
    assert len(shop.model_requests()) == before + 1


def test_an_answer_slower_than_five_seconds_comes_with_a_later_try(shop: Shop) -> None:
    shop.script({"delay_seconds": 6})
    outcome = shop.push(content="我昨天付的款今天会发货吗", openid="o-slow")
    assert outcome["fault"] is None
    assert "48 小时" in outcome["shown"]
    assert len(outcome["tries"]) == 2


def test_an_answer_too_late_for_all_tries_comes_with_the_next_message(shop: Shop) -> None:
    shop.script({"delay_seconds": 16})
    outcome = shop.push(content="我昨天付的款今天会发货吗", openid="o-late")
    assert outcome["fault"] is None
    assert outcome["shown"] == answer_follows("zh")
    assert len(outcome["tries"]) == 3
    shown = shop.say("发什么快递", "o-late")
    assert shown.startswith("关于您问的「我昨天付的款今天会发货吗」：\n")
    assert "48 小时" in shown
    assert "默认发顺丰或中通。" in shown


def test_a_text_too_long_comes_in_parts(shop: Shop) -> None:
    sentence = "这是关于发货的一句很长的说明，写给想知道细节的顾客看。"
    file = shop.knowledge / "long.md"
    file.write_text(f"# 物流\n## 发货细则是什么\n{sentence * 45}\n", encoding="utf-8")
    shop.faqbot("ingest")
    first = shop.say("发货细则是什么", "o-long")
    assert first.endswith(MORE_FOLLOWS)
    assert len(first.encode()) <= 2047
    assert first.removesuffix(MORE_FOLLOWS) + shop.say("继续", "o-long") == sentence * 45
    file.unlink()
    shop.faqbot("ingest")


def test_a_person_takes_over_and_hands_back(shop: Shop) -> None:
    assert shop.push(content="转人工", openid="o-person")["transferred"]
    assert shop.push(content="什么时候发货", openid="o-person")["transferred"]
    assert shop.push("image", openid="o-person")["transferred"]
    assert shop.push("click", openid="o-person", fields={"key": "什么时候发货"})["shown"] is None
    assert "机器人" in shop.say("机器人", "o-person")
    assert shop.say("什么时候发货", "o-person") == "付款后 48 小时内发货。"


def test_what_the_knowledge_lacks_ends_in_an_offer_and_yes_takes_it(shop: Shop) -> None:
    shop.script({"content": '{"answer": "", "sources": []}'})
    assert "转人工" in shop.say("明天上海会不会下雨", "o-offer")
    assert shop.push(content="是", openid="o-offer")["transferred"]


def test_a_follower_is_welcomed_and_other_kinds_are_answered_sensibly(shop: Shop) -> None:
    welcome = shop.push("subscribe", openid="o-new")["shown"]
    assert "机器人" in welcome
    assert "怎么退货" in welcome
    for kind, word in (
        ("image", "图片"),
        ("voice", "语音"),
        ("video", "视频"),
        ("location", "位置"),
        ("link", "链接"),
        ("mini_program", "卡片"),
    ):
        assert word in shop.push(kind, openid="o-new")["shown"], kind
    for kind in ("unsubscribe", "view"):
        outcome = shop.push(kind, openid="o-new")
        assert outcome["fault"] is None, kind
        assert outcome["shown"] is None, kind


def test_attacks_on_the_webhook_are_refused(shop: Shop) -> None:
    for spoilt in ("signature", "timestamp", "app_id", "downgrade"):
        body = {"account": "safe", "kind": "text", "openid": "o-x", "fields": {"content": "退货"}, "spoilt": spoilt}
        status = shop.wechat.post("/play/attack", json=body).json()["status"]
        assert 400 <= status < 500, spoilt


def test_an_edit_of_the_knowledge_is_live_after_an_ingest_while_the_service_runs(shop: Shop) -> None:
    assert shop.say("发什么快递", "o-edit") == "默认发顺丰或中通。"
    (shop.knowledge / "faq.md").write_text(FAQ.replace("默认发顺丰或中通。", "统一发京东物流。"), encoding="utf-8")
    shop.faqbot("ingest")
    assert shop.say("发什么快递", "o-edit") == "统一发京东物流。"
    (shop.knowledge / "faq.md").write_text(FAQ, encoding="utf-8")
    shop.faqbot("ingest")


def test_a_kill_in_mid_answer_loses_nothing(shop: Shop) -> None:
    shop.script({"delay_seconds": 3})
    outcome: dict[str, object] = {}
    before = len(shop.model_requests())

    def ask() -> None:
        outcome.update(shop.push(content="我昨天付的款今天会发货吗", openid="o-killed"))

    asking = threading.Thread(target=ask)
    asking.start()
    until = time.monotonic() + 5
    while len(shop.model_requests()) == before and time.monotonic() < until:
        time.sleep(0.02)
    shop.kill()
    shop.start()
    asking.join()
    assert outcome["fault"] is None
    assert "48 小时" in str(outcome["shown"])


def test_no_log_holds_a_shoppers_words_number_or_key(shop: Shop) -> None:
    shop.say("我的手机号是 13812345678，怎么退货", "o-secret-openid")
    log = shop.log.read_text(encoding="utf-8")
    for secret in (
        "13812345678",
        "o-secret-openid",
        "怎么退货",
        shop.settings["OPENAI_API_KEY"],
        shop.settings["WECHAT_TOKEN"],
    ):
        assert secret not in log


def test_a_second_start_in_the_same_folder_names_the_first(shop: Shop) -> None:
    assert f"{shop.address}/chat" in shop.faqbot_notes("serve")


@pytest.mark.parametrize("mode", ["plain", "compatible"])
def test_the_other_modes_work_as_well(tmp_path: Path, mode: str) -> None:
    with a_shop(tmp_path, mode=mode, model=False) as shop:
        assert shop.wechat.post("/play/verify", json={"account": mode}).json()["passed"]
        assert shop.say("什么时候发货") == "付款后 48 小时内发货。"
        assert "签收后 7 天内" in shop.say("怎么退货")
        assert "申请发票" in shop.say("怎么开发票")
