"""Whether a shopper who asks for a person can reach one."""

from service.bots import Bot
from service.operations.checks import Check, Finding, ok, warning


def people_check(bot: Bot, *, desk: bool) -> Check:
    """`desk`: people answer in WeChat's customer service, to whom conversations are handed."""

    async def run() -> Finding:
        if bot.contact:
            return ok(f"{'转给微信客服，另外' if desk else ''}告诉顾客：{bot.contact}")
        if desk:
            return warning(
                "公众号里会转给微信客服；网页上和下班时没有别的联系方式可说。",
                "在 .env 里设 HANDOFF_CONTACT=客服电话 您的电话",
            )
        return warning("顾客要人工时没有人可找。", "在 .env 里设 HANDOFF_CONTACT=客服电话 您的电话")

    return Check(name="人工客服", run=run)
