"""Every format is read as what a person sees of it, and written anew from that alone (R22)."""

from __future__ import annotations

import base64
import io
import json
import struct
from pathlib import Path

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from egress_review.errors import OutputRefused
from egress_review.files import sandbox
from egress_review.files.model import MOST_COLUMNS, Picture, Prose, Sheet
from egress_review.files.names import KINDS, kind_of, safe_name
from egress_review.files.printed import rows as printed_rows
from egress_review.files.reading import clean, read
from egress_review.files.writing import write
from egress_review.model import FileKind
from egress_review.render import MARK
from tests.support.parsing import parse_here

COLUMNS = ("county", "day", "n", "pay", "share", "code")
ROWS = (
    ("Hartford", "2020-01-31", "120", "1234.50", "0.25", "007"),
    ("Tolland & <East>", "2020-02-29", MARK, MARK, MARK, "010"),
    ('Ünïón, "N"', "", "31", "99.00", "1e-07", ""),
)
FORMATS = ("csv", "xlsx", "parquet", "json")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "parse", parse_here)


def frame() -> pandas.DataFrame:
    return pandas.DataFrame(
        {
            "county": ["Hartford", None, "Tolland"],
            "day": pandas.to_datetime(["2020-01-31", "2020-02-29", None]),
            "n": [120, 11, 40],
            "pay": [1.5, None, 1e9],
            "seen": [True, False, True],
        }
    )


def as_written_by_pandas(form: str) -> bytes:
    out = io.BytesIO()
    if form == "csv":
        return frame().to_csv(index=False).encode()
    if form == "json":
        return frame().to_json(orient="records", date_format="iso").encode()
    getattr(frame(), {"xlsx": "to_excel", "parquet": "to_parquet"}[form])(out, index=False)
    return out.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_what_pandas_writes_is_read_through_a_child_process(form: str) -> None:
    found = read(f"pay.{form}", as_written_by_pandas(form))
    assert isinstance(found, Sheet)
    assert found.columns == ("county", "day", "n", "pay", "seen")
    assert [row[0] for row in found.rows] == ["Hartford", "", "Tolland"]
    assert [float(row[2]) for row in found.rows] == [120, 11, 40]
    assert [row[3] and float(row[3]) for row in found.rows] == [1.5, "", 1e9]
    assert [row[4].lower() for row in found.rows] == ["true", "false", "true"]
    assert [row[1][:10] for row in found.rows] == ["2020-01-31", "2020-02-29", ""]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.usefixtures("here")
def test_a_table_written_anew_reads_back_cell_for_cell(form: str) -> None:
    name = f"pay.{form}"
    back = read(name, write(COLUMNS, ROWS, name))
    assert isinstance(back, Sheet)
    assert back.columns == COLUMNS
    if form == "xlsx":  # a number's last zeros are not kept there
        assert [list(map(worth, row)) for row in back.rows] == [list(map(worth, r)) for r in ROWS]
    else:
        assert back.rows == ROWS


def worth(cell: str) -> str | float:
    return float(cell) if cell[:1].isdigit() and "-0" not in cell[1:6] else cell


CELLS = st.one_of(
    st.sampled_from(["", MARK, "0", "-3", "7.50", "1e+20", "007", "Hartford", "<a>", '"', "a,b"]),
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(lambda d: f"{d:f}"),
    st.integers().map(str),
)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6), st.sampled_from(FORMATS))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("here")
def test_any_table_written_anew_reads_back_as_the_same_values(
    rows: list[tuple[str, str]], form: str
) -> None:
    name = f"pay.{form}"
    back = read(name, write(("a", "b"), [("x", "y"), *rows, ("z", "z")], name))
    assert isinstance(back, Sheet)
    assert back.rows[1:-1] == tuple(rows)


def tagged(form: str, numbers: list[int], note: str) -> bytes:
    """Return a table as a tool writes it that says something of itself."""
    table = pandas.DataFrame({"county": ["a", "b"], "n": numbers})
    out = io.BytesIO()
    if form == "parquet":
        arrow = pa.Table.from_pandas(table).replace_schema_metadata({"note": note})
        pq.write_table(arrow, out, store_schema=False)
    elif form == "xlsx":
        with pandas.ExcelWriter(out, engine="openpyxl") as book:
            table.to_excel(book, index=False)
            book.book.properties.creator = note
    elif form == "csv":
        out.write(table.to_csv(index=False, quoting=len(note) % 2).encode())
    else:
        out.write(table.to_json(orient="records", indent=len(note)).encode())
    return out.getvalue()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.usefixtures("here")
def test_what_leaves_depends_on_nothing_but_the_cells_that_are_shown(form: str) -> None:
    """Other hidden numbers, other metadata, other bytes: the file that leaves is the same one."""
    name = f"pay.{form}"
    sent = [tagged(form, [8731, 40], "by Maria"), tagged(form, [12, 40], "by nobody, 2021")]
    left = []
    for content in sent:
        sheet = read(name, content)
        assert isinstance(sheet, Sheet)
        shown = [(county, MARK if county == "a" else n) for county, n in sheet.rows]
        left.append(write(sheet.columns, shown, name))
    assert sent[0] != sent[1]
    assert left[0] == left[1]
    assert b"8731" not in left[0]
    assert b"Maria" not in left[0]


def test_parquet_keeps_types_and_says_nothing_of_hidden_values() -> None:
    content = write(COLUMNS, [row for row in ROWS if MARK not in row], "pay.parquet")
    file = pq.ParquetFile(io.BytesIO(content))
    kinds = {field.name: str(field.type) for field in file.schema_arrow}
    assert kinds["n"] == "int64"
    assert kinds["pay"] == "decimal128(38, 2)"
    assert kinds["share"] == "double"
    assert kinds["code"] == "string"
    column = file.metadata.row_group(0).column(2)
    assert column.statistics is None
    assert file.metadata.metadata is None
    assert not column.has_dictionary_page


def test_numbers_are_numbers_in_json_and_in_workbooks() -> None:
    body = json.loads(write(COLUMNS, ROWS, "pay.json"))
    assert body["data"][0][2:] == [120, 1234.5, 0.25, "007"]
    assert body["data"][1][2] == MARK
    sheet = pandas.read_excel(io.BytesIO(write(COLUMNS, ROWS, "pay.xlsx")), dtype=object)
    assert sheet["n"].tolist() == [120, MARK, 31]
    assert sheet["code"][0] == "007"


@pytest.mark.usefixtures("here")
def test_a_formula_in_a_label_is_text_in_a_workbook() -> None:
    content = write(("c", "n"), [("=1+1", "5"), ("=HYPERLINK(A1)", "6")], "pay.xlsx")
    assert b"<f>" not in content
    assert read("pay.xlsx", content) == Sheet(("c", "n"), (("=1+1", "5"), ("=HYPERLINK(A1)", "6")))


def test_the_same_table_is_the_same_bytes_every_time() -> None:
    for form in FORMATS:
        assert write(COLUMNS, ROWS, f"a.{form}") == write(COLUMNS, ROWS, f"a.{form}")


# Pictures --------------------------------------------------------------------------------------


def plot(form: str) -> bytes:
    image = Image.new("RGB", (320, 200), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((40, 60, 90, 180), fill=(0, 90, 180))
    pen.text((100, 20), "Pay by county", fill="black")
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


@pytest.mark.parametrize("form", ["png", "pdf"])
def test_a_plot_leaves_as_the_picture_it_was(form: str) -> None:
    """It looks the same to within the steps of its colours, through a child process."""
    found = read(f"plot.{form}", plot(form))
    assert isinstance(found, Picture)
    left = clean(found)
    assert left != plot(form)
    shown = Image.open(io.BytesIO(found.png))
    wanted = Image.open(io.BytesIO(plot("png"))).resize(shown.size)
    if form == "png":
        difference = ImageChops.difference(shown, wanted)
        assert max(high for _, high in difference.getextrema()) <= 8
        assert left == found.png
    else:
        assert left.startswith(b"%PDF-1.4")
        again = read(f"plot.{form}", left)
        assert isinstance(again, Picture)
        assert abs(again.width - found.width) <= 2
    assert set(shown.info) == set()


def test_a_plot_keeps_no_more_than_thirty_two_steps_of_a_colour(here: None) -> None:
    image = Image.new("RGB", (256, 16))
    image.putdata([(x, 255 - x, 128) for _ in range(16) for x in range(256)])
    out = io.BytesIO()
    image.save(out, "PNG")
    found = read("plot.png", out.getvalue())
    assert isinstance(found, Picture)
    shown = Image.open(io.BytesIO(found.png))
    assert len(set(shown.getchannel("R").tobytes())) == 32
    assert shown.getpixel((255, 0))[0] == 255
    assert shown.getpixel((0, 0))[0] == 0


# Texts -----------------------------------------------------------------------------------------

GOOD_TEXTS = {
    "results.md": "# Results\n\nPay rose by 12 % from 2019 to 2021 in all counties "
    "([report](https://example.org/r)).\n\n1. First\n2. Second\n3. Third\n4. Fourth\n5. Fifth\n",
    "notes.txt": "We left out 2020.\n\nThe model has 3 parameters; see table 2.\n",
    "model.py": "import pandas\n\nEDGES = [0, 10, 20, 30]\nfor year in range(2015, 2024):\n"
    "    if year < 2020 and year > 2016:\n        print(year)\nx = 1\ny = 2\nz = 3\nw = 4\n",
    "model.R": "fit <- lm(pay ~ age, data = d)\nsummary(fit)\n",
    "pay.sql": "SELECT county, count(*) AS n\nFROM wages\nWHERE year = 2021\nGROUP BY 1\n",
    "run.do": "regress pay age if year == 2021\n",
}


@pytest.mark.parametrize("name", GOOD_TEXTS)
def test_plain_text_and_code_pass_as_they_are(name: str) -> None:
    found = read(name, GOOD_TEXTS[name].encode())
    assert isinstance(found, Prose)
    assert clean(found).decode() == GOOD_TEXTS[name]
    assert found.notes[0].code == "text.unchecked"


def test_how_many_numbers_and_links_a_text_has_is_noted() -> None:
    found = read("results.md", GOOD_TEXTS["results.md"].encode())
    assert isinstance(found, Prose)
    assert [note.code for note in found.notes] == ["text.unchecked", "text.numbers", "text.links"]


def test_text_has_one_form() -> None:
    found = read("a.txt", "\ufeffPay\u00a0rose  \r\nin e\u0301t\u00e9.\r\n\r\n\r\n".encode())
    assert isinstance(found, Prose)
    assert found.text == "Pay rose\nin \u00e9t\u00e9.\n"


def test_rows_are_seen_wherever_they_are_printed() -> None:
    frame_shown = str(pandas.DataFrame({"county": ["a"] * 6, "n": range(6), "pay": range(6)}))
    assert printed_rows(frame_shown.split("\n"))
    assert printed_rows(["   county |   n", "----------+----", *[f" c{n} | {n}" for n in range(5)]])
    assert not printed_rows(GOOD_TEXTS["model.py"].split("\n"))


PAYS = [f"{8123.45 + 97.31 * n:.2f}" for n in range(60)]
DUMPS = {
    "json.txt": "".join(f'{{"county": "Tolland", "pay": {pay}}}\n' for pay in PAYS),
    "bullets.md": "".join(f"- Tolland: {pay}\n" for pay in PAYS),
    "sentences.md": "".join(f"One in Tolland has {pay}.\n\n" for pay in PAYS),
    "one-a-line.txt": "\n".join(PAYS),
    "vector.r": f"w <- c({', '.join(PAYS)})\n",
    "between-comments.py": "".join(
        f"W{n} = [{', '.join(PAYS[n : n + 10])}]\n# then\n" for n in range(0, 60, 10)
    ),
    "no-address.md": "".join(f"- Tolland: a://{pay}\n" for pay in PAYS),
    "in-an-address.md": f"See http://a.b/{'/'.join(PAYS)}.\n",
    "in-a-reference.md": f"Card (1990), doi:10.2307/{'/'.join(PAYS)}.\n",
}


@pytest.mark.parametrize("name", DUMPS)
def test_lists_of_exact_numbers_are_refused_in_whatever_form(name: str) -> None:
    """Control: prose.listed_numbers."""
    with pytest.raises(OutputRefused, match="lists many exact numbers"):
        read(name, DUMPS[name].encode())


def test_numbers_in_addresses_are_counted_address_by_address() -> None:
    text = "".join(f"Tolland is at http://a.b/{pay} now.\n" for pay in PAYS)
    assert isinstance(read("a.md", text.encode()), Prose)
    with pytest.raises(OutputRefused, match="200 numbers or addresses"):
        read("a.md", (text * 4).encode())


PACKED = [
    base64.b64encode(bytes(range(256)))[:70],
    base64.b32encode(bytes(range(100, 200)))[:70],
    base64.b64encode(struct.pack("<20i", *range(8000, 10000, 100))),
    b"0a" * 40,
]


@pytest.mark.parametrize("packed", PACKED)
def test_packed_bytes_are_refused_in_text_and_code(packed: bytes) -> None:
    """Control: prose._unreadable."""
    for name, text in (("a.md", b"# Pay\n\n%s\n"), ("a.py", b"D = '%s'\n")):
        with pytest.raises(OutputRefused, match="nobody can read"):
            read(name, text % packed)


@pytest.mark.parametrize(
    "line",
    [
        "https://stats.example/opub/2021/article/Labor-Market-Outcomes-of-College-Graduates-in-the-US",
        "https://code.example/Example-Org/Wage-Outcomes-2021-Replication-Package/blob/main/Make-it",
        "path = '/home/rosa/Project_Alpha/data/2021/Derived_Tables/wages_by_county_final_V2'",
    ],
)
def test_a_path_of_words_is_not_packed_bytes_however_long(line: str) -> None:
    for name in ("notes.md", "make.py"):
        assert isinstance(read(name, line.encode()), Prose)


def test_references_rates_and_hashes_in_a_text_are_no_lists() -> None:
    lines = [
        f"{n}. Card, D. ({1990 + n}). Returns. *Econometrica*, {60 + n}(5), {1100 + n}-{1160 + n}. "
        f"https://doi.org/10.2307/{2951600 + n}"
        for n in range(20)
    ]
    lines += [f"In {2000 + n} the rate was {5 + n / 10:.1f} % of 12,450 people." for n in range(20)]
    lines += ["Made with data of SHA-256 " + "0f" * 32, "sha256=" + "0f" * 32]
    assert isinstance(read("notes.md", "\n\n".join(lines).encode()), Prose)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"county;n\nHartford;120\n", "not separated by commas"),
        (b"county\tn\nHartford\t120\n", "not separated by commas"),
        (b"county,n\nHartford,120\nSource: DOL\n", "Row 3 has 1 cells"),
    ],
)
def test_a_csv_of_another_shape_is_told_what_to_do(content: bytes, sentence: str) -> None:
    with pytest.raises(OutputRefused, match=sentence) as refused:
        read("pay.csv", content)
    assert refused.value.hint


# Names -----------------------------------------------------------------------------------------


def test_a_name_says_what_a_file_is_for() -> None:
    assert kind_of("pay.CSV") is FileKind.TABLE
    assert kind_of("pay.json") is FileKind.TABLE
    assert kind_of("pay.model.json") is FileKind.MODEL
    assert kind_of("pay.pdf") is FileKind.PLOT
    assert kind_of("pay.R") is FileKind.TEXT
    assert set(KINDS.values()) == set(FileKind)


def test_a_name_is_kept_in_one_plain_form_without_its_path() -> None:
    assert safe_name("../../etc/cron.d/pay.csv") == "pay.csv"
    assert safe_name("C:\\data\\Pay by county (2).XLSX") == "Pay-by-county-2.xlsx"
    assert safe_name("a" * 300 + ".csv") == "a" * 76 + ".csv"
    assert safe_name("pay.model.json") == "pay.model.json"
    with pytest.raises(OutputRefused, match="more than one ending"):
        safe_name("pay.html.csv")


def test_too_large_a_table_is_refused_in_words(tmp_path: Path) -> None:
    wide = ",".join(f"c{n}" for n in range(MOST_COLUMNS + 1)).encode()
    with pytest.raises(OutputRefused, match="at most 20,000 and 50"):
        read("pay.csv", wide + b"\n")
    with pytest.raises(OutputRefused, match="bytes; at most"):
        read("pay.csv", b"x" * (5 * 1024 * 1024 + 1))
