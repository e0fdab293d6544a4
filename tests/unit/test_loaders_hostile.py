"""Files that are broken, locked or made to do harm: each is refused in words, and the others are read."""

import io
import zipfile

import pytest

from service.ingestion.loaders.apart import Apart
from service.ingestion.loaders.excel import load_excel
from service.ingestion.loaders.kinds import load
from service.ingestion.loaders.loader import Loaded, Loader, load_with
from service.ingestion.loaders.office import LOCKED, OLD_FORMAT
from service.ingestion.loaders.word import load_word
from service.ingestion.problems import UnreadableFileError
from tests.unit.knowledge_files import HEADER, excel, word

WORKBOOK = excel({"a": [HEADER, ("怎么退", "", "能退。")]})
DOCUMENT = word(lambda document: document.add_heading("怎么退", 1))


def refused(loader: Loader, content: bytes, file: str) -> str:
    with pytest.raises(UnreadableFileError) as error:
        loader(content, file)
    return error.value.code


def zipped(name: str, content: bytes, copies: int = 1) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(copies):
            archive.writestr(f"{number}{name}", content)
    return written.getvalue()


@pytest.mark.parametrize(
    ("loader", "whole", "file"), [(load_excel, WORKBOOK, "a.xlsx"), (load_word, DOCUMENT, "a.docx")]
)
class TestOfficeFiles:
    def test_one_cut_off_while_it_was_copied_is_named(self, loader: Loader, whole: bytes, file: str) -> None:
        for length in (0, 10, len(whole) // 2, len(whole) - 10):
            assert refused(loader, whole[:length], file) == "E-K111"

    def test_one_with_flipped_bits_is_named(self, loader: Loader, whole: bytes, file: str) -> None:
        middle = len(whole) // 3
        assert (
            refused(
                loader,
                whole[:middle] + bytes(b ^ 0xFF for b in whole[middle : middle + 40]) + whole[middle + 40 :],
                file,
            )
            == "E-K111"
        )

    def test_another_archive_under_its_name_is_named(self, loader: Loader, whole: bytes, file: str) -> None:
        assert refused(loader, zipped("a.txt", b"hello"), file) == "E-K111"

    def test_one_locked_with_a_password_is_named(self, loader: Loader, whole: bytes, file: str) -> None:
        assert refused(loader, OLD_FORMAT + bytes(500) + LOCKED + bytes(500), file) == "E-K110"

    def test_one_that_unpacks_to_a_giant_is_refused_before_it_is_unpacked(
        self, loader: Loader, whole: bytes, file: str
    ) -> None:
        assert refused(loader, zipped("bomb.xml", bytes(21 * 1024 * 1024), copies=10), file) == "E-K108"

    def test_one_that_lies_about_its_size_is_refused(self, loader: Loader, whole: bytes, file: str) -> None:
        content = bytearray(zipped("bomb.xml", b"a" * 1_000_000))
        entry = content.rindex(b"PK\x01\x02")
        content[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
        assert refused(loader, bytes(content), file) == "E-K111"


def test_an_old_excel_file_that_is_broken_is_named() -> None:
    assert refused(load_excel, OLD_FORMAT + bytes(2000), "a.xls") == "E-K111"


def test_entities_in_a_document_are_not_unfolded() -> None:
    def bomb(document: str) -> str:
        levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
        body = document.partition("?>")[2].replace("怎么退", "&e9;", 1)
        return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "ha">{levels}]>{body}'

    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(DOCUMENT)) as source, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "word/document.xml":
                content = bomb(content.decode()).encode()
                assert b"&e9;" in content
            target.writestr(name, content)
    try:
        loaded = load_word(written.getvalue(), "a.docx")
    except UnreadableFileError as error:
        assert error.code == "E-K111"  # noqa: PT017
    else:
        assert len(str(loaded)) < 1000


async def test_a_sheet_with_a_stray_cell_at_the_far_end_does_not_take_the_service_with_it() -> None:
    far = excel({"a": [HEADER, ("怎么退", "", "能退。")]}, lambda sheets: sheets["a"].cell(1_048_576, 16_384, "x"))
    async with Apart() as apart:
        with pytest.raises(UnreadableFileError) as error:
            await load("远.xlsx", far, apart)
        assert error.value.code == "E-K114"
        assert len((await load("好.xlsx", WORKBOOK, apart)).found) == 1


async def test_a_parser_that_never_ends_is_ended() -> None:
    async with Apart(seconds=1) as apart:
        with pytest.raises(UnreadableFileError) as error:
            await apart.load(_endless, b"", "a.xlsx")
        assert error.value.code == "E-K114"


async def test_a_reason_survives_the_way_back_from_the_other_process() -> None:
    async with Apart() as apart:
        with pytest.raises(UnreadableFileError) as error:
            await load("a.docx", b"not a zip", apart)
    assert (error.value.code, bool(error.value.reason), bool(error.value.next_step)) == ("E-K111", True, True)


def _endless(content: bytes, file: str) -> Loaded:
    while True:
        content = content[:1]


async def test_a_parser_that_fails_unexpectedly_costs_only_its_file() -> None:
    async with Apart() as apart:
        with pytest.raises(UnreadableFileError) as error:
            await apart.load(_surprised, b"", "a.xlsx")
        assert (error.value.code, error.value.reason) == ("E-K111", "内容读不懂（KeyError）")
        assert len((await load("好.xlsx", WORKBOOK, apart)).found) == 1


def test_a_loader_that_fails_unexpectedly_is_refused_by_its_type() -> None:
    with pytest.raises(UnreadableFileError) as error:
        load_with(_surprised, b"", "a.md")
    assert (error.value.code, error.value.reason) == ("E-K111", "内容读不懂（KeyError）")


def _surprised(content: bytes, file: str) -> Loaded:
    raise KeyError(file)
