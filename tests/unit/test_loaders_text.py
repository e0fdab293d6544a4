"""Text files: blocks of 问 and 答, or paragraphs; and the encodings they come in."""

import pytest

from service.ingestion.loaders.encoding import decode
from service.ingestion.loaders.loader import Entry, Section
from service.ingestion.loaders.text import load_text
from service.ingestion.problems import UnreadableFileError

BLOCKS = """店铺信息

问：几点上班
相似问：现在有人吗 | 几点下班
编号：INFO-01
答：每天 9:00–21:00。

春节休息。

编号：INFO-02
分类：联系
问：电话多少
答：
400-000-0000
编号：这是答案里的一行
"""


def test_blocks_become_entries_and_a_title_their_category() -> None:
    assert load_text(BLOCKS.encode(), "店铺.txt").found == (
        Entry(
            question="几点上班",
            similar=("现在有人吗", "几点下班"),
            answer="每天 9:00–21:00。\n\n春节休息。",
            category="店铺信息",
            number="INFO-01",
            place="第 3 行",
        ),
        Entry(
            question="电话多少",
            answer="400-000-0000\n编号：这是答案里的一行",
            category="联系",
            number="INFO-02",
            place="第 10 行",
        ),
    )


def test_a_file_without_questions_is_a_document() -> None:
    found = load_text("第一段。\n\n第二段。\n".encode(), "政策/保修.txt").found
    assert found == (Section(headings=("保修",), text="第一段。\n第二段。", place="全文"),)


def test_a_block_without_an_answer_is_named_by_its_line() -> None:
    found = load_text("问：怎么退\n\n问：多久到\n答：三天。\n".encode(), "a.txt")
    assert len(found.found) == 1
    assert [str(problem) for problem in found.problems] == [
        "a.txt 第 1 行没有答案（怎么退）。已跳过这一条，其余照常。补上「答：」一行，保存即可。E-K104"
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_what_windows_saved_is_read(encoding: str) -> None:
    text = "问：七天无理由怎么退\n答：签收后 7 天内，在订单里点「申请退货」。\n"
    assert decode(text.replace("\n", "\r\n").encode(encoding)) == text


def test_traditional_chinese_in_big5_is_read() -> None:
    text = "問：七天無理由怎麼退貨\n答：簽收後七天內，在訂單裡點選申請退貨，運費由您負擔。\n"
    assert decode(text.encode("big5")) == text


def test_a_few_bytes_of_gbk_are_read() -> None:
    assert decode("退货".encode("gbk")) == "退货"


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", b"\xef\xbb\xbf\xff\xfe\xfa", b"\xff\xff\xff\xff"]
)
def test_what_is_no_text_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(UnreadableFileError) as refused:
        decode(content)
    assert refused.value.code == "E-K112"
    assert "UTF-8" in refused.value.next_step
