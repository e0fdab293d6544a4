"""Text made comparable: what two people type for the same words becomes one string.

For matching only, never for showing: NFKC (full-width forms), no invisible characters, traditional to simplified
Chinese, lower case, no emoji and no WeChat faces (`[微笑]`, `/::)`), white space folded. What means something stays:
numbers, 不 and 没, a decimal point. `match_key` goes further, for "is this the approved question, word for word?".
"""

import re
import unicodedata
from functools import cache

from opencc import OpenCC

# The names of WeChat's own faces, as its Chinese and English clients write them into a text message.
_FACES = (
    "微笑 撇嘴 色 发呆 得意 流泪 害羞 闭嘴 睡 大哭 尴尬 发怒 调皮 呲牙 惊讶 难过 酷 冷汗 囧 抓狂 吐 偷笑 愉快 白眼 傲慢 "
    "饥饿 困 惊恐 流汗 憨笑 悠闲 奋斗 咒骂 疑问 嘘 晕 疯了 衰 骷髅 敲打 再见 擦汗 抠鼻 鼓掌 糗大了 坏笑 左哼哼 右哼哼 哈欠 "
    "鄙视 委屈 快哭了 阴险 亲亲 吓 可怜 菜刀 西瓜 啤酒 篮球 乒乓 咖啡 饭 猪头 玫瑰 凋谢 嘴唇 爱心 心碎 蛋糕 闪电 炸弹 刀 "
    "足球 瓢虫 便便 月亮 太阳 礼物 拥抱 强 弱 握手 胜利 抱拳 勾引 拳头 差劲 爱你 no ok 爱情 飞吻 跳跳 发抖 怄火 转圈 磕头 "
    "回头 跳绳 投降 激动 乱舞 献吻 左太极 右太极 笑脸 生病 脸红 破涕为笑 恐惧 失望 无语 嘿哈 捂脸 奸笑 机智 皱眉 耶 吃瓜 "
    "加油 汗 天啊 emm 社会社会 旺柴 好的 打脸 哇 翻白眼 666 让我看看 叹气 苦涩 裂开 合十 庆祝 红包 發 发 福 烟花 爆竹 "
    "smile grimace drool scowl coolguy sob shy silent sleep cry awkward angry tongue grin surprise frown ruthless blush "
    "scream puke chuckle joyful slight smug hungry drowsy panic sweat laugh commando determined scold shocked shhh dizzy "
    "tormented toasted skull hammer wave speechless nosepick clap shame trick bah!l bah!r yawn pooh-pooh shrunken "
    "tearingup sly kiss wrath whimper cleaver watermelon beer basketball pingpong coffee rice pig rose wilt lips heart "
    "brokenheart cake lightning bomb dagger soccer ladybug poop moon sun gift hug thumbsup thumbsdown shake peace fight "
    "beckon fist pinky rockon waddle tremble twirl facepalm smirk smart concerned yeah! worship doge"
).split()
# The codes that older clients write for the same faces.
_CODES = (
    "/::) /::~ /::b /::| /:8-) /::< /::$ /::x /::z /::'( /::-| /::@ /::p /::d /::o /::( /::+ /:--b /::q /::t /:,@p "
    "/:,@-d /:,@o /::g /:|-) /::! /::l /::> /::,@ /:,@f /::-s /:? /:,@x /:,@@ /::8 /:,@! /:!!! /:xx /:bye /:wipe /:dig "
    "/:handclap /:&-( /:b-) /:<@ /:@> /::-o /:>-| /:p-( /::'| /:x-) /::* /:@x /:8* /:pd /:<w> /:beer /:basketb /:oo "
    "/:coffee /:eat /:pig /:rose /:fade /:showlove /:heart /:break /:cake /:li /:bome /:kn /:footb /:ladybug /:shit "
    "/:moon /:sun /:gift /:hug /:strong /:weak /:share /:v /:@) /:jj /:@@ /:bad /:lvu /:no /:ok /:love /:<l> /:jump "
    "/:shake /:<o> /:circle /:kotow /:turn /:skip /:oy /:#-0 /:hiphot /:kiss /:<& /:&>"
).split()
_EMOJI = (
    r"[\U0001F000-\U0001FBFF\u2600-\u27BF\u2300-\u23FF\u2B00-\u2BFF\u2190-\u21FF\u3030\u303D\uFE00-\uFE0F\u20E3"
    r"\U000E0020-\U000E007F]"
)


def _any_of(words: list[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_LETTERED = [code for code in _CODES if code[2].isalpha()]
_DROPPED = re.compile(
    rf"{_EMOJI}|\[(?:{_any_of(_FACES)})\]|{_any_of([code for code in _CODES if code not in _LETTERED])}"
    rf"|(?<![a-z0-9./:])(?:{_any_of(_LETTERED)})"  # an address may have /:ok in it
)
_SPACE = re.compile(r"\s+")
# Marks that mean something between two digits: 1.5 is not 15, 1-2 天 is not 12 天.
_MARK = re.compile(r"(?<=\d)[.\-~/:](?=\d)|[%+]|\w")
_GREETING = re.compile(
    r"(?:你好|您好|哈喽|(?:hello|hi)(?![a-z])|亲亲|亲(?![子肤友人自手爱密属戚情和])|请问一下|请问下|请问|麻烦问一下|麻烦问下|麻烦问|我想问一下|我想问下|我想问|"
    r"想问一下|想问下|想问问|想问|问一下|问下|咨询一下|咨询下|那个)+"
)
_PARTICLES = re.compile(
    r"(?:[吗嘛呢啊呀吧哦噢喔哈呗啦]|(?<![什怎多这那要])么|谢谢你|谢谢您|谢谢|多谢|thanks|thankyou)+$"
)

_MARK_BETWEEN = r"[\s,，。.!！~～、:：;；?？]"
_OPENING = re.compile(
    rf"^(?:(?:{_GREETING.pattern.removesuffix('+')}){_MARK_BETWEEN}*|(?:客服|在吗|在么|老板|店家|掌柜){_MARK_BETWEEN}+)+"
)
_CLOSING = re.compile(rf"(?:{_MARK_BETWEEN}*(?:谢谢[你您啦了]?|多谢|麻烦[你您]?了|辛苦了|感谢){_MARK_BETWEEN}*)+$")


# Controls but not white space; with them half a character (Cs), which JSON lets through and no codec takes.
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Cs") or _UNSEEN.match(character) is not None


@cache
def _to_simplified() -> OpenCC:
    return OpenCC("t2s")


def normalise(text: str) -> str:
    """The text as it is compared; empty if there is nothing but faces, emoji, white space."""
    text = unicodedata.normalize("NFKC", text)
    text = _UNSEEN.sub("", text) if text.isascii() else "".join(c for c in text if not _is_unseen(c))
    text = _DROPPED.sub(" ", text.lower())
    text = _SPACE.sub(" ", text).strip()
    return text if text.isascii() else str(_to_simplified().convert(text))


def match_key(text: str) -> str:
    """Equal for texts that ask the same in the same words: without punctuation, greetings and polite particles."""
    bare = "".join(_MARK.findall(normalise(text))).replace("_", "")
    greeting = _GREETING.match(bare)
    key = bare[greeting.end() :] if greeting else bare
    return _PARTICLES.sub("", key) or bare


def without_courtesy(text: str) -> str:
    """Normalised text without the greeting before and the thanks after a question; the whole if nothing else is there."""
    bare = _CLOSING.sub("", _OPENING.sub("", text))
    return bare or text
