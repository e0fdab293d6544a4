"""What `faqbot serve` says when the service is up: where it is, what it answers from, what comes next."""

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from service.app import Parts


async def greeting(parts: "Parts", address: str) -> list[str]:
    """The lines; `address` is where the service listens."""
    from service.answering.fallback import examples_of

    settings = parts.settings
    version = await parts.retriever.live_version()
    known = await parts.retriever.passages()
    entries = sum(passage.kind == "faq" for passage in known)
    examples = examples_of(known, count=1)
    model = settings.chat_model if parts.chat else "不用模型，直接回复标准答案"
    vectors = settings.embedding_model or "本地模型"
    lines = ["", f"{parts.bot.title}已启动。"]
    if version is None:
        lines.append("  还没有内容：运行 faqbot ingest 读入 knowledge/ 后立即生效，不用重启。")
    elif not known:
        lines.append(f"  版本 {version.id} 的索引读不进来，现在答不了：运行 faqbot doctor 看原因。")
    else:
        sections = len(known) - entries
        lines.append(
            f"  内容      {entries:,} 条问答、{sections:,} 段文件（版本 {version.id}）· 回答：{model} · 检索：{vectors}"
        )
    lines.append(f"  对话页面  {address}/chat")
    lines += [f"  试问一句  {address}/chat?q={quote(example)}" for example in examples]
    lines.append(f"  公众号    {_account(settings.public_url, connected=settings.wechat_token is not None)}")
    lines.append("  上线步骤  README.zh-CN.md「接入公众号」· 检查：faqbot doctor · 停止：Ctrl+C")
    if version is not None and version.demonstration and settings.wechat_token:
        lines.append("")
        lines.append(
            "  注意：现在用演示店铺的内容回答真实顾客。把 knowledge/ 换成你自己的内容，删掉 DEMO.md，再运行 faqbot ingest。"
        )
    return lines


def _account(public_url: str | None, *, connected: bool) -> str:
    if not connected:
        return "还没接：在 .env 里设 WECHAT_TOKEN 和 PUBLIC_URL，按 README.zh-CN.md 接入"
    if not public_url:
        return "还差公网地址：先在 .env 里设 PUBLIC_URL=https://你的域名，再把 PUBLIC_URL/wechat 填到公众平台"
    return f"{public_url}/wechat（填到 公众平台 → 基本配置 → 服务器地址）"
