"""A pushed body as flat, named fields, read strictly before anything else of it is believed.

WeChat sends `<xml>` with one element a field; only a few events nest, five levels deep at most. What a hostile
body needs is refused here: a DOCTYPE (entities, outside files), depth, a field that stands twice, bytes that are
not UTF-8. wechatpy reads the content afterwards (`wire`); its parser raises half a dozen kinds of error on such
bodies, RecursionError among them, and takes a doubled field for a list.
"""

from xml.parsers import expat

from service.channels.wechat.errors import WireError

DEEPEST = 10
ONCE = frozenset(
    {"ToUserName", "FromUserName", "CreateTime", "MsgType", "MsgId", "Event", "EventKey", "Encrypt", "Content"}
)
"""Fields that say who, when and what: two of one would let two readers see two messages."""


def fields_of(body: bytes) -> dict[str, str]:
    """The body's top-level fields, without surrounding white space; a field that nests has the text before its children.

    Raises WireError 400 for what is no document of WeChat's.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(body.decode("utf-8"), True)
    except UnicodeDecodeError:
        raise WireError(400, "the body is not UTF-8") from None
    except expat.ExpatError as error:
        raise WireError(400, f"the body is not well-formed XML (expat error {error.code})") from None
    return reader.fields


class _Reader:
    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self._depth = 0
        self._name = ""
        self._parts: list[str] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1 and name != "xml":
            raise WireError(400, "the root element is not <xml>")
        if self._depth > DEEPEST:
            raise WireError(400, f"elements nest deeper than {DEEPEST}")
        if self._depth == 2:
            if name in ONCE and name in self.fields:
                raise WireError(400, f"{name} stands more than once")
            self._name, self._parts = name, []

    def text(self, data: str) -> None:
        if self._depth == 2:
            self._parts.append(data)

    def end(self, _name: str) -> None:
        if self._depth == 2:
            self.fields[self._name] = "".join(self._parts).strip()
        self._depth -= 1

    def doctype(self, *_: object) -> None:
        raise WireError(400, "the body declares a DOCTYPE")
