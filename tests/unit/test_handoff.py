"""When people are there, and what is said when they are not."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from service.conversation.handoff import Handoffs
from tests.builders import a_bot

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOURS = "Mo-Fr 09:00-18:00; Sa 10:00-16:00; 2026 Oct 01-07 off"


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        ("2026-11-24 10:00", None),
        ("2026-11-24 08:00", "今天 09:00"),
        ("2026-11-24 18:00", "明天 09:00"),
        ("2026-11-27 20:00", "明天 10:00"),
        ("2026-11-28 17:00", "后天 09:00"),
        ("2026-10-01 12:00", "10月8日 09:00"),
        ("2026-10-04 12:00", "周四 09:00"),
    ],
)
def test_the_next_opening_is_told_in_words(now: str, opening: str | None) -> None:
    assert (
        Handoffs(a_bot(working_hours=HOURS)).next_opening(datetime.fromisoformat(now).replace(tzinfo=SHANGHAI))
        == opening
    )


def test_hours_that_never_open_again_are_not_invented() -> None:
    closed = Handoffs(a_bot(working_hours="off"))
    assert closed.next_opening(datetime(2026, 11, 24, tzinfo=SHANGHAI)) == ""


def test_hours_are_the_shops_whatever_the_clock_s_zone() -> None:
    handoffs = Handoffs(a_bot(working_hours="Mo-Su 09:00-21:00"))
    assert handoffs.next_opening(datetime(2026, 11, 24, 2, 0, tzinfo=ZoneInfo("UTC"))) is None  # 10:00 in Shanghai


def test_a_contact_that_is_not_set_is_not_promised() -> None:
    handoffs = Handoffs(a_bot(contact=""))
    told = handoffs.hand_over(transferable=False, now=datetime(2026, 11, 24, 10, tzinfo=SHANGHAI), language="zh")
    assert "暂时没有人工客服" in told.reply.text
    assert told.handed_over_until is None
