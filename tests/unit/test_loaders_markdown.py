"""What a Markdown file becomes: entries, sections, and plain text for a phone."""

from service.ingestion.loaders.loader import Entry, Loaded, Section
from service.ingestion.loaders.markdown import load_markdown


def loaded(text: str, file: str = "售后.md") -> Loaded:
    return load_markdown(text.encode(), file)


def entries(text: str) -> list[Entry]:
    return [found for found in loaded(text).found if isinstance(found, Entry)]


def sections(text: str) -> list[Section]:
    return [found for found in loaded(text).found if isinstance(found, Section)]


def test_a_question_as_heading_is_an_entry_and_its_parents_are_the_category() -> None:
    [entry] = entries(
        "# 退换货\n## 七天无理由怎么退\n编号：RET-01\n相似问：不想要了能退吗 | 买错了｜拍错了\n签收后 7 天内可退。\n"
    )
    assert entry == Entry(
        question="七天无理由怎么退",
        similar=("不想要了能退吗", "买错了", "拍错了"),
        answer="签收后 7 天内可退。",
        category="退换货",
        number="RET-01",
        place="第 2 行「七天无理由怎么退」",
    )


def test_a_heading_that_is_no_question_is_a_section_under_its_headings() -> None:
    [section] = sections("# 退换货政策\n\n## 适用范围\n\n本政策适用于全部商品。\n")
    assert section == Section(
        headings=("退换货政策", "适用范围"), text="本政策适用于全部商品。", place="第 3 行「适用范围」"
    )


def test_a_marked_heading_is_an_entry_though_its_words_are_no_question() -> None:
    [entry] = entries("## 联系电话\n相似问: 号码发我\n400-000-0000\n")
    assert (entry.question, entry.similar, entry.answer) == ("联系电话", ("号码发我",), "400-000-0000")


def test_similar_questions_may_stand_as_a_list() -> None:
    [entry] = entries("## 运费谁出\n相似问：\n- 邮费算谁的\n- 快递费报销不\n\n无理由退货由您承担。\n")
    assert entry.similar == ("邮费算谁的", "快递费报销不")
    assert entry.answer == "无理由退货由您承担。"


def test_text_before_the_first_heading_has_the_files_name() -> None:
    [section] = sections("营业时间 9:00–21:00。\n")
    assert (section.headings, section.text) == (("售后",), "营业时间 9:00–21:00。")


def test_marks_become_plain_text_and_lists_keep_their_numbers() -> None:
    [entry] = entries(
        "## 怎么退\n"
        "**先**看 [规则](https://shop.example/r)，再 `申请`：\n\n"
        "3. 点「申请售后」\n4. 寄回\n   - 配件\n   - 赠品\n\n"
        "> 记得写单号<br>和电话\n\n---\n![图](a.png)\n"
    )
    assert entry.answer.split("\n") == [
        "先看 规则（https://shop.example/r），再 申请：",
        "3. 点「申请售后」",
        "4. 寄回",
        "  · 配件",
        "  · 赠品",
        "记得写单号",
        "和电话",
        "图",
    ]


def test_a_line_right_after_a_list_stands_by_itself() -> None:
    [entry] = entries("## 怎么退\n1. 申请\n2. 寄回\n运费由您承担。\n")
    assert entry.answer == "1. 申请\n2. 寄回\n运费由您承担。"


def test_a_table_becomes_lines_that_stand_alone() -> None:
    [section] = sections("## 时效\n\n| 地区 | 天数 |\n|---|---|\n| 江浙沪 | 1–2 天 |\n| 新疆 | 6–10 天 |\n")
    assert section.text == "地区：江浙沪；天数：1–2 天\n地区：新疆；天数：6–10 天"


def test_dashes_below_a_line_make_no_heading_and_indented_lines_no_code() -> None:
    [section] = sections("# 说明\n第一段\n---\n    第二段\n")
    assert section.text == "第一段\n第二段"


def test_a_question_without_an_answer_is_named_and_the_others_stay() -> None:
    found = loaded("# 退货\n## 运费谁出？\n\n## 怎么退\n申请即可。\n")
    assert [entry.question for entry in found.found if isinstance(entry, Entry)] == ["怎么退"]
    assert [str(problem) for problem in found.problems] == [
        "售后.md 第 2 行「运费谁出？」没有答案。已跳过这一条，其余照常。在标题下面写上答案，保存即可。E-K104"
    ]


def test_sub_headings_of_a_marked_entry_are_part_of_its_answer() -> None:
    [entry] = entries("## 退货怎么办\n编号：A1\n先申请。\n### 线上买的\n寄回。\n### 门店买的\n送回。\n")
    assert entry.answer == "先申请。\n线上买的\n寄回。\n门店买的\n送回。"


def test_numbers_before_a_question_are_not_part_of_it() -> None:
    assert [
        entry.question for entry in entries("## 3. 怎么退\n能退。\n## 问：多久到\n三天。\n## 7.5 折怎么用\n直接用。\n")
    ] == [
        "怎么退",
        "多久到",
        "7.5 折怎么用",
    ]


def test_the_answer_may_be_marked_as_one() -> None:
    [entry] = entries("## 多久到\n分类：物流\n答：三天。\n")
    assert (entry.category, entry.answer) == ("物流", "三天。")


def test_html_that_no_parser_takes_costs_nothing_but_itself() -> None:
    for pasted in ("<![foo[ x ]]>", "<![if !supportLists]>", "<![ x", "<!ELEMENT x>"):
        found = entries(f"## 怎么退\n七天内。\n<div>\n{pasted}\n</div>\n\n## 多久到账\n三天。\n")
        assert [entry.question for entry in found] == ["怎么退", "多久到账"]


def test_a_less_than_sign_is_written_with_a_backslash() -> None:
    assert entries(r"## 多大算小件吗" + "\n" + r"重量 \<5 公斤的算小件。")[0].answer == "重量 <5 公斤的算小件。"
