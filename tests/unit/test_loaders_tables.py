"""FAQ tables, in CSV and in Excel."""

from collections.abc import Sequence

import pytest

from service.ingestion.loaders.comma import load_csv
from service.ingestion.loaders.excel import load_excel
from service.ingestion.loaders.loader import Entry, Loaded
from service.ingestion.problems import UnreadableFileError
from tests.unit.knowledge_files import HEADER, Cell, excel


def entries(loaded: Loaded) -> list[Entry]:
    return [found for found in loaded.found if isinstance(found, Entry)]


def test_columns_may_stand_in_any_order_and_below_a_title() -> None:
    found = entries(
        load_csv("常见问题,,,\n答案,编号, 问题* ,相似问\n能退。,R1,怎么退,买错了|不要了\n".encode(), "a.csv")
    )
    assert found == [
        Entry(question="怎么退", similar=("买错了", "不要了"), answer="能退。", number="R1", place="第 3 行")
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_csv_of_any_program_is_read(delimiter: str, encoding: str) -> None:
    rows = [("问题", "答案"), ("七天无理由怎么退", '"签收后, 7 天内; 都可以""退""\n不收费"')]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    [entry] = entries(load_csv(text.encode(encoding), "a.csv"))
    assert entry.answer == '签收后, 7 天内; 都可以"退"\n不收费'


def test_a_row_without_an_answer_is_named_with_its_cell() -> None:
    rows: list[Sequence[Cell]] = [
        HEADER,
        ("怎么退", "", "能退。"),
        (),
        ("赠品要一起退吗", "", None),
        (None, None, "多余的答案"),
    ]
    found = load_excel(excel({"退换货": rows}), "售后.xlsx")
    assert len(found.found) == 1
    assert [str(problem) for problem in found.problems] == [
        "售后.xlsx「退换货」表第 4 行没有答案（赠品要一起退吗）。已跳过这一行，其余 1 行照常。填好 C4 保存即可。E-K104",
        "售后.xlsx「退换货」表第 5 行没有问题（多余的答案）。已跳过这一行，其余 1 行照常。填好 A5 保存即可。E-K105",
    ]


def test_every_sheet_is_read_and_one_without_columns_is_named() -> None:
    workbook = excel(
        {
            "退货": [HEADER, ("怎么退", "", "能退。")],
            "说明": [("给同事看的",)],
            "空": [],
            "物流": [HEADER, ("多久到", "", "三天。")],
        }
    )
    found = load_excel(workbook, "a.xlsx")
    assert [entry.place for entry in entries(found)] == ["「退货」表第 2 行", "「物流」表第 2 行"]
    assert [(problem.code, problem.place) for problem in found.problems] == [("E-K103", "「说明」表")]


def test_numbers_are_shown_as_staff_typed_them() -> None:
    rows: list[Sequence[Cell]] = [HEADER, ("电话多少", "", 13800138000, "联系", 7), ("打几折", "", 9.5, None, 8)]
    assert [(entry.answer, entry.number) for entry in entries(load_excel(excel({"a": rows}), "a.xlsx"))] == [
        ("13800138000", "7"),
        ("9.5", "8"),
    ]


def test_a_merged_cell_counts_for_each_of_its_rows() -> None:
    rows = [HEADER, ("怎么退", "", "能退。", "退货"), ("多久退", "", "三天。", None)]
    workbook = excel({"a": rows}, lambda sheets: sheets["a"].merge_cells("D2:D3"))
    assert [entry.category for entry in entries(load_excel(workbook, "a.xlsx"))] == ["退货", "退货"]


def test_a_hidden_sheet_is_not_told_to_shoppers() -> None:
    def hide(sheets: object) -> None:
        assert isinstance(sheets, dict)
        sheets["内部"].sheet_state = "hidden"

    sheets = {"a": [HEADER, ("怎么退", "", "能退。")], "内部": [HEADER, ("底价多少", "", "50 元。")]}
    found = load_excel(excel(sheets, hide), "a.xlsx")
    assert [entry.question for entry in entries(found)] == ["怎么退"]
    assert [(problem.code, problem.effect) for problem in found.problems] == [("E-K124", "warning")]


def test_internal_rows_are_not_told_to_shoppers() -> None:
    found = load_csv("问题,答案,内部\n怎么退,能退。,否\n底价多少,50 元。,是\n".encode(), "a.csv")
    assert [entry.question for entry in entries(found)] == ["怎么退"]
    assert found.problems == ()


@pytest.mark.parametrize("value", ["", "否", " No ", "N", "0", "FALSE", "０"])
def test_a_row_that_is_said_not_to_be_internal_is_public(value: str) -> None:
    found = load_csv(f"问题,答案,内部\n怎么退,能退。,{value}\n".encode(), "a.csv")
    assert [entry.question for entry in entries(found)] == ["怎么退"]
    assert found.problems == ()


@pytest.mark.parametrize("value", ["是", "Y", "yes", "TRUE", "１", "内部"])
def test_a_row_that_is_said_to_be_internal_is_left_out_without_a_word(value: str) -> None:
    found = load_csv(f"问题,答案,内部\n底价多少,50 元。,{value}\n".encode(), "a.csv")
    assert (found.found, found.problems) == ((), ())


def test_an_internal_column_that_says_something_else_keeps_its_rows_from_shoppers_and_is_named() -> None:
    rows = "怎么退,能退。,\n批发价多少,五折。,内部资料\n底价多少,50 元。,仅员工\n成本多少,30 元。,内部资料\n"
    found = load_csv(f"问题,答案,内部\n{rows}".encode(), "价格.csv")
    assert [entry.question for entry in entries(found)] == ["怎么退"]
    assert [(problem.code, problem.effect) for problem in found.problems] == [("E-K125", "part")] * 2
    assert str(found.problems[0]) == (
        "价格.csv 第 3、5 行的「内部」写的是「内部资料」，不是「是」或「否」。已当作内部内容，顾客看不到，其余照常。"
        "要给顾客看就把 C3 改成「否」，不给就改成「是」，保存即可。E-K125"
    )


def test_columns_that_are_not_used_are_named() -> None:
    found = load_csv("问题,答案,有效期\n怎么退,能退。,2026-11-30\n".encode(), "a.csv")
    assert [(problem.code, problem.effect) for problem in found.problems] == [("E-K123", "warning")]
    assert "有效期" in str(found.problems[0])


@pytest.mark.parametrize("text", ["标题,内容\n怎么退,能退。\n", "", "问题,相似问\n怎么退,买错了\n"])
def test_a_table_without_its_columns_is_not_read_at_all(text: str) -> None:
    with pytest.raises(UnreadableFileError) as refused:
        load_csv(text.encode(), "a.csv")
    assert refused.value.code == "E-K103"
    with pytest.raises(UnreadableFileError) as refused:
        load_excel(excel({"a": [line.split(",") for line in text.splitlines()]}), "a.xlsx")
    assert refused.value.code == "E-K103"


def test_a_quotation_mark_that_is_never_closed_is_named_by_its_row() -> None:
    with pytest.raises(UnreadableFileError) as refused:
        load_csv('问题,答案\n怎么退,能退。\n多久到,"三天。\n几点,九点。\n'.encode(), "a.csv")
    assert refused.value.reason.startswith("从第 3 行起引号没有成对")
