"""Whether the models answer, and whether tokens are counted exactly."""

from collections.abc import Sequence

from service.llm.chat import ChatMessage, ChatModel, ModelError
from service.llm.embeddings import Embedder, EmbeddingError
from service.llm.tokens import TokenCounter
from service.operations.checks import Check, Finding, failed, ok, skipped, warning

CHECK_SECONDS = 15.0


def model_checks(chat: ChatModel | None, embedder: Embedder, tokens: TokenCounter, chat_model: str) -> Sequence[Check]:
    """The chat model by one short call, the vectors by one word, the tokenizer by what it says of itself."""

    async def answers() -> Finding:
        if chat is None:
            return skipped("没设 OPENAI_API_KEY，直接用店铺的标准答案回复")
        try:
            got = await chat.complete(
                [ChatMessage(role="user", text="回复：好")], form=None, deadline_seconds=CHECK_SECONDS, max_tokens=50
            )
        except ModelError as error:
            return failed(str(error), "改好后再运行 faqbot doctor；在那之前用标准答案回复")
        return ok(f"{chat_model} 能回答（用了 {got.tokens} 个 token）")

    async def vectors() -> Finding:
        try:
            made = await embedder.embed(["退货"])
        except EmbeddingError as error:
            return failed(
                str(error), "检查 EMBEDDING_MODEL、EMBEDDING_BASE_URL 和密钥；去掉 EMBEDDING_MODEL 就用本地模型"
            )
        return ok(f"{embedder.model}，{made.shape[1]} 维")

    async def counting() -> Finding:
        if chat is None:
            return skipped("没有用模型，不用数 token")
        if not tokens.exact:
            return warning("按估算数 token（偏多不偏少）。", "重新安装依赖：scripts/run")
        return ok("用 tiktoken 精确计数，不联网")

    return [
        Check(name="对话模型", run=answers),
        Check(name="向量模型", run=vectors),
        Check(name="token 计数", run=counting),
    ]
