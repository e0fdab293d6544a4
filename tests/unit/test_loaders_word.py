"""Word documents, as Word and WPS write them."""

from docx.document import Document as WordDocument
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from service.ingestion.loaders.loader import Entry, Section
from service.ingestion.loaders.word import load_word
from tests.unit.knowledge_files import word


def test_headings_and_text_become_entries_and_sections() -> None:
    def write(document: WordDocument) -> None:
        document.add_heading("售后手册", 0)
        document.add_heading("退货", 1)
        document.add_heading("七天无理由怎么退", 2)
        document.add_paragraph("编号：RET-01\n相似问：买错了 | 不想要了")
        document.add_paragraph("签收后 7 天内可退：")
        document.add_paragraph("申请售后", style="List Number")
        document.add_paragraph("寄回", style="List Number")
        document.add_paragraph("配件齐全", style="List Bullet")
        document.add_heading("适用范围", 2)
        document.add_paragraph("全部商品。")
        document.add_paragraph("第一点", style="List Number")

    assert load_word(word(write), "手册.docx").found == (
        Entry(
            question="七天无理由怎么退",
            similar=("买错了", "不想要了"),
            answer="签收后 7 天内可退：\n1. 申请售后\n2. 寄回\n· 配件齐全",
            category="售后手册 › 退货",
            number="RET-01",
            place="「七天无理由怎么退」",
        ),
        Section(headings=("售后手册", "退货", "适用范围"), text="全部商品。\n1. 第一点", place="「适用范围」"),
    )


def test_a_table_stays_in_its_place_as_lines_and_a_merged_cell_counts_for_its_rows() -> None:
    def write(document: WordDocument) -> None:
        document.add_heading("时效", 1)
        table = document.add_table(rows=3, cols=2)
        for place, text in enumerate(["地区", "天数", "江浙", "1–2 天", "", "3–5 天"]):
            table.cell(place // 2, place % 2).text = text
        table.cell(1, 0).merge(table.cell(2, 0))
        document.add_paragraph("大件另算。")

    [section] = load_word(word(write), "a.docx").found
    assert isinstance(section, Section)
    assert section.text == "地区：江浙；天数：1–2 天\n地区：江浙；天数：3–5 天\n大件另算。"


def test_an_faq_table_is_read_row_by_row() -> None:
    def write(document: WordDocument) -> None:
        table = document.add_table(rows=2, cols=2)
        for place, text in enumerate(["问题", "答案", "怎么退", "能退。"]):
            table.cell(place // 2, place % 2).text = text

    [entry] = load_word(word(write), "a.docx").found
    assert entry == Entry(question="怎么退", answer="能退。", place="第 1 个表格第 2 行")


def test_inserted_text_is_read_and_deleted_text_is_not() -> None:
    def write(document: WordDocument) -> None:
        document.add_heading("多久退款", 1)
        paragraph = document.add_paragraph("")
        for tag, text_tag, text in (("w:del", "w:delText", "五天"), ("w:ins", "w:t", "三天")):
            change, run, words = OxmlElement(tag), OxmlElement("w:r"), OxmlElement(text_tag)
            words.text = text
            run.append(words)
            change.append(run)
            paragraph._p.append(change)

    [entry] = load_word(word(write), "a.docx").found
    assert isinstance(entry, Entry)
    assert entry.answer == "三天"


def test_a_heading_is_known_by_its_outline_level_whatever_its_style_is_called() -> None:
    def write(document: WordDocument) -> None:
        paragraph = document.add_paragraph("怎么退")
        level = OxmlElement("w:outlineLvl")
        level.set(qn("w:val"), "0")
        paragraph._p.get_or_add_pPr().append(level)
        document.add_paragraph("能退。")

    [entry] = load_word(word(write), "a.docx").found
    assert isinstance(entry, Entry)
    assert entry.question == "怎么退"
