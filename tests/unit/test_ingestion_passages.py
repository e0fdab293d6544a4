"""Ids that stay, duplicates that are named, and what staff are told about their entries."""

from service.ingestion.loaders.loader import Entry, Loaded, Section
from service.ingestion.passages import Collection
from service.retrieval.passages import Passage


def entry(question: str, answer: str = "能退。", **changes: object) -> Entry:
    values: dict[str, object] = {"question": question, "answer": answer, "place": f"「{question}」"}
    return Entry(**(values | changes))  # type: ignore[arg-type]


def collected(*files: tuple[str, list[Entry | Section]]) -> Collection:
    collection = Collection(len)
    for file, found in files:
        collection.add(file, Loaded(found=tuple(found)))
    collection.check()
    return collection


def ids(collection: Collection) -> dict[str, str]:
    return {passage.question: passage.id for passage in collection.passages}


def told(collection: Collection) -> list[str]:
    return [str(problem) for problem in collection.problems]


def test_ids_are_the_number_or_made_of_the_question() -> None:
    found = ids(collected(("a.md", [entry("怎么退", number="RET-01"), entry("多久到")])))
    assert found["怎么退"] == "RET-01"
    assert found["多久到"].startswith("q-")


def test_reordering_moving_and_a_new_answer_change_no_id() -> None:
    before = ids(collected(("a.md", [entry("怎么退"), entry("多久到"), entry("运费谁出")])))
    after = ids(
        collected(
            ("a.md", [entry("多久到", "三天。")]), ("b.md", [entry("运费谁出", category="运费"), entry("怎么退")])
        )
    )
    assert after == before


def test_a_section_keeps_its_id_when_its_text_changes() -> None:
    def section(text: str) -> Section:
        return Section(headings=("政策", "范围"), text=text, place="「范围」")

    before, after = (collected(("a.md", [section(text)])).passages[0] for text in ("旧。", "新。"))
    assert before.id == after.id
    assert before.question == "政策 › 范围"


def test_sections_with_the_same_headings_have_ids_of_their_own() -> None:
    sections: list[Entry | Section] = [Section(headings=("其他",), text=text, place="") for text in ("一。", "二。")]
    first, second = collected(("a.md", sections)).passages
    assert first.id != second.id


def test_a_long_section_comes_in_pieces_under_the_same_headings() -> None:
    found = collected(("a.md", [Section(headings=("政策",), text="一句话就是这样。" * 100, place="「政策」")])).passages
    assert len(found) > 1
    assert {passage.question for passage in found} == {"政策"}
    assert len({passage.id for passage in found}) == len(found)
    assert found[1].place == "「政策」（第 2 段）"


def test_an_answer_is_never_cut_and_a_long_one_is_named() -> None:
    found = collected(("a.md", [entry("怎么退", "一句话就是这样。" * 100)]))
    assert [passage.text for passage in found.passages] == ["一句话就是这样。" * 100]
    assert told(found) == [
        "a.md「怎么退」的答案有 800 个字，微信一条消息放不下，会分成几条发。能短就短，手机上读着轻松。E-K122"
    ]


def test_a_number_that_stands_twice_is_named_with_both_places() -> None:
    found = collected(
        ("a.md", [entry("怎么退", number="R1")]), ("b.csv", [entry("多久到", number="R1", place="第 2 行")])
    )
    assert [passage.question for passage in found.passages] == ["怎么退"]
    assert told(found) == [
        "b.csv 第 2 行的编号 R1 和 a.md「怎么退」重复。已跳过这一条，其余照常。给其中一条换个编号，保存即可。E-K106"
    ]


def test_a_question_that_stands_twice_is_named_though_its_marks_differ() -> None:
    found = collected(("a.md", [entry("怎么退？")]), ("b.csv", [entry("怎么退", place="第 2 行")]))
    assert len(found.passages) == 1
    assert [(problem.code, problem.file) for problem in found.problems] == [("E-K107", "b.csv")]


def test_a_similar_question_under_two_entries_is_a_warning() -> None:
    found = collected(("a.md", [entry("怎么退", similar=("不要了",)), entry("怎么换", similar=("不要了？", "怎么退"))]))
    assert len(found.passages) == 2
    assert [(problem.code, problem.effect) for problem in found.problems] == [("E-K121", "warning")] * 2


def test_similar_questions_that_say_the_same_are_kept_once() -> None:
    [passage] = collected(("a.md", [entry("怎么退", similar=("怎么退？", "不要了", "不要了！"))])).passages
    assert passage.similar == ("不要了",)


def test_kept_passages_give_way_to_what_was_read() -> None:
    def kept(question: str, identity: str) -> Passage:
        return Passage(id=identity, kind="faq", question=question, text="旧。", file="broken.xlsx", place="第 2 行")

    collection = Collection(len)
    collection.add("a.md", Loaded(found=(entry("怎么退", number="R1"),)))
    assert collection.keep([kept("怎么退", "R9"), kept("多久到", "R1"), kept("运费谁出", "R2")]) == 1
    assert [passage.id for passage in collection.passages] == ["R1", "R2"]


def test_a_number_that_is_too_long_is_named() -> None:
    found = collected(("a.md", [entry("怎么退", number="R" * 101)]))
    assert found.passages == []
    assert [problem.code for problem in found.problems] == ["E-K113"]
