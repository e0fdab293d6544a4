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


def welcome(title: str, examples: Sequence[str], *, person: bool) -> str:
    """To a new follower: says that a bot is answering, and shows what can be asked; `person`: one can be reached."""
    lines = [f"您好，我是{title}，由机器人自动回答，随时在线。"]
    if examples:
        lines += ["您可以直接问我，比如：", *(f"· {example}" for example in examples)]
    if person:
        lines.append("需要人工时，回复「人工」。")
    return "\n".join(lines)


def greeting(title: str, language: Language, *, person: bool) -> str:
    if language == "en":
        more = " Reply “human” to reach a person." if person else ""
        return f"Hello, this is the shop's bot. What can I help you with?{more}"
    more = "，需要人工时回复「人工」" if person else ""
    return f"您好，我是{title}（机器人）。您可以直接说想问什么{more}。"


def unsure(language: Language) -> str:
    """Where the knowledge doesn't hold the answer and there is no way to a person."""
    if language == "en":
        return "I'm not sure about this one and don't want to guess. Could you put it in other words?"
    return "这个问题我不太确定，怕说错。您可以换个说法再问一次，或问别的问题。"


def thanks(language: Language) -> str:
    return "You are welcome." if language == "en" else "不客气，有问题随时找我。"


def declined(language: Language) -> str:
    if language == "en":
        return "All right. You can put the question in other words, or ask something else."
    return "好的。您可以换个说法再问一次，或问别的问题。"


def handing_over() -> str:
    """Where a transfer has to be told in words; WeChat tells it by itself."""
    return "正在为您转接人工客服。"


def back_to_bot(title: str, language: Language) -> str:
    if language == "en":
        return "You are back with the shop's bot. Go ahead and ask."
    return f"已切换回{title}（机器人），您可以直接提问。"


def nothing_more(language: Language) -> str:
    return "That was all. Go ahead and ask." if language == "en" else "没有更多内容了，您可以直接提问。"


def no_such_choice(count: int, language: Language) -> str:
    if language == "en":
        return f"There are {count} choices above: reply with a number from 1 to {count}, or ask in other words."
    return f"上面只有 {count} 个选项，回复 1 到 {count} 的数字，或换个说法再问一次。"


def cannot_look(kind: str) -> str:
    """For what the bot can't take in: `kind` is the word for it."""
    return f"我还看不懂{kind}，您可以用文字描述一下问题；需要人工时，回复「人工」。"


def person_by_contact(contact: str, hours: str, language: Language) -> str:
    """Where nobody can take over in the chat itself; `hours` is a sentence of `hours`, or empty."""
    if language == "en":
        reach = f"You can reach a person here: {contact}." if contact else "Nobody can take over in this chat."
        return " ".join(part for part in (reach, hours, "You can go on asking me.") if part)
    reach = f"您可以这样联系人工客服：{contact}。" if contact else "这里暂时没有人工客服可以接入。"
    return f"{reach}{hours}您也可以继续问我。"


def out_of_hours(opening: str, contact: str, language: Language) -> str:
    """Where people would take over, but are not there now; `opening` says when, or is empty."""
    if language == "en":
        when = f" They are back {opening}." if opening else ""
        other = f" If it is urgent: {contact}." if contact else ""
        return f"Our customer service is away at the moment.{when}{other} You can go on asking me."
    when = f"，{opening}上班" if opening else ""
    other = f"急事可以这样联系：{contact}。" if contact else ""
    return f"人工客服现在不在线{when}。{other}您可以继续问我。"


def hours(opening: str | None, closing: str, language: Language) -> str:
    """When people are there again (None: they are there now), or until when they are there today; may be empty."""
    if opening is None and not closing:
        return ""
    if language == "en":
        return f"They are there until {closing} today." if opening is None else f"They are back {opening}."
    if opening is None:
        return f"今天 {closing} 前有人。"
    return f"人工客服现在不在线，{opening}上班。" if opening else "人工客服现在不在线。"


def could_not_answer(language: Language) -> str:
    """When working on a message went wrong again and again."""
    if language == "en":
        return "Let me get a person for this question. Reply “yes” to be connected."
    return "这个问题请同事来回答更好，要为您转人工吗？回复「是」即可。"
