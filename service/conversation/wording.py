"""What the bot itself says to shoppers, apart from answers; Chinese first, English to who writes English.

Shoppers never hear of keys, models or networks.
"""

from collections.abc import Sequence

from service.text.language import Language

MORE_FOLLOWS = "\n（后面还有，回复「继续」查看）"
QUESTION_SHOWN = 20
"""Characters of a former question that are repeated to say what a late answer belongs to."""


def about(question: str) -> str:
    """The line before an answer that comes later than its question."""
    question = " ".join(question.split())
    shown = question if len(question) <= QUESTION_SHOWN else question[:QUESTION_SHOWN] + "…"
    return f"关于您问的「{shown}」：\n"


def answer_follows(language: Language) -> str:
    """The third try's notice: WeChat takes no later answer to this message."""
    if language == "en":
        return "I am still looking this up. Send any message in a moment and you will get the answer."
    return "正在为您查，稍等片刻后发任意一条消息，就能看到答案。"


def welcome(title: str, examples: Sequence[str]) -> str:
    """To a new follower: says that a bot is answering, and shows what can be asked."""
    lines = [f"您好，我是{title}，由机器人自动回答，随时在线。"]
    if examples:
        lines += ["您可以直接问我，比如：", *(f"· {example}" for example in examples)]
    lines.append("需要人工时，回复「人工」。")
    return "\n".join(lines)


def greeting(title: str, language: Language) -> str:
    if language == "en":
        return "Hello, this is the shop's bot. What can I help you with? Reply “human” to reach a person."
    return f"您好，我是{title}（机器人）。您可以直接说想问什么，需要人工时回复「人工」。"


def thanks(language: Language) -> str:
    return "You are welcome." if language == "en" else "不客气，有问题随时找我。"


def declined(language: Language) -> str:
    if language == "en":
        return "All right. You can put the question in other words, or ask something else."
    return "好的。您可以换个说法再问一次，或问别的问题。"


def back_to_bot(title: str) -> str:
    return f"已切换回{title}（机器人），您可以直接提问。"


def nothing_more() -> str:
    return "没有更多内容了，您可以直接提问。"


def no_such_choice(count: int) -> str:
    return f"上面只有 {count} 个选项，回复 1 到 {count} 的数字，或换个说法再问一次。"


def cannot_look(kind: str) -> str:
    """For what the bot can't take in: `kind` is the word for it."""
    return f"我还看不懂{kind}，您可以用文字描述一下问题；需要人工时，回复「人工」。"


def handed_over(language: Language) -> str:
    """Said where the channel shows the shopper nothing by itself."""
    if language == "en":
        return "You are being connected to a person. Reply “bot” to return to the bot."
    return "正在为您转接人工客服。"


def person_by_contact(contact: str, hours: str, language: Language) -> str:
    """Where nobody can take over in the chat itself."""
    if language == "en":
        reach = f"You can reach a person here: {contact}." if contact else "Nobody can take over in this chat."
        return f"{reach} {hours} You can go on asking me."
    reach = f"您可以这样联系人工客服：{contact}。" if contact else "这里暂时没有人工客服可以接入。"
    return f"{reach}{hours}您也可以继续问我。"


def out_of_hours(opening: str, contact: str) -> str:
    """Where people would take over, but are not there now; `opening` says when, or is empty."""
    when = f"，{opening}上班" if opening else ""
    other = f"急事可以这样联系：{contact}。" if contact else ""
    return f"人工客服现在不在线{when}。{other}您可以继续问我。"


def hours_line(opening: str | None) -> str:
    """When people are there again; None: they are there now."""
    return "" if opening is None else f"人工客服现在不在线，{opening}上班。"


def could_not_answer(language: Language) -> str:
    """When working on a message went wrong again and again."""
    if language == "en":
        return "Let me get a person for this question. Reply “yes” to be connected."
    return "这个问题请同事来回答更好，要为您转人工吗？回复「是」即可。"
