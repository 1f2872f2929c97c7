"""The page of ``afd report --html``: how it reads, and how it looks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kit import html_page
from kit.reporting import report
from kit.results import compared, row, write
from PIL import Image

from afdcli.constants import WORDS
from afdcli.report.groups import band_names, natural
from afdcli.report.headline import share_words
from afdcli.report.html import sections
from afdcli.report.html.page import breakable
from afdcli.results.rows import Row, TopClass

STEM = {"backbone": {"name": "net"}, "afd": {"on": True, "plug": "stem"}}


def page(*arguments: str) -> str:
    return html_page.page(*arguments).source


def pictures(*counts: int, folder: str = "") -> list[Row]:
    """Cats: so many that both get right, that only AFD, only direct, and none gets right."""
    answers = (("cat", "cat"), ("cat", "dog"), ("dog", "cat"), ("dog", "owl"))
    pairs = [pair for pair, count in zip(answers, counts, strict=True) for _ in range(count)]
    return [row(f"{folder}{i}.jpg", afd, direct, "cat") for i, (afd, direct) in enumerate(pairs)]


def verdict(source: str) -> str:
    return re.findall(r'<p class="verdict[^>]*>(.*?)</p>', source)[0]


def test_headline_says_what_came_back() -> None:
    write("r.csv", pictures(40, 12, 2, 46), metadata=STEM)
    write("clean.csv", pictures(72, 0, 0, 28))
    source = page("r.csv", "--clean", "clean.csv")
    assert verdict(source) == "42.0 → 52.0 % (a third of what was lost)"
    assert '<p class="verdict good">' in source
    text = " ".join(source.split())
    assert "<strong>33.3 %</strong>" in text
    assert "of the 30.0 pts lost to compression" in text
    shown = report("r.csv", "--clean", "clean.csv").stdout
    assert shown.splitlines()[1] == "42.0 → 52.0 % (a third of what was lost)"


@pytest.mark.parametrize(
    ("counts", "clean", "said", "tone"),
    [
        ((40, 12, 2, 46), None, "42.0 → 52.0 % (+10.0 points)", "good"),
        ((40, 3, 2, 55), None, "42.0 → 43.0 % (no clear effect of AFD)", ""),
        ((40, 2, 15, 43), None, "55.0 → 42.0 % (AFD costs 13.0 points)", "bad"),
        ((40, 12, 2, 46), (30, 0, 0, 70), "42.0 → 52.0 % (+10.0 points)", "good"),
        ((2, 3, 0, 2), None, "28.6 → 71.4 % (7 labelled pictures are too few to tell whether AFD "
         "helps)", ""),
    ],
)  # fmt: skip
def test_headline_claims_no_more_than_is_known(
    counts: tuple[int, ...], clean: tuple[int, ...] | None, said: str, tone: str
) -> None:
    write("r.csv", pictures(*counts))
    if clean is not None:
        write("clean.csv", pictures(*clean))
    source = page("r.csv", *(["--clean", "clean.csv"] if clean else []))
    assert verdict(source) == said
    assert f'<p class="verdict {tone}">' in source
    assert ("unknown without a clean run" in source) is (clean is None)
    assert ("nothing was lost to compression" in source) is (clean is not None)


def test_headline_without_labels() -> None:
    write("r.csv", pictures(40, 12, 2, 46), labels=False)
    write("clean.csv", pictures(72, 0, 0, 28), labels=False)
    source = page("r.csv")
    assert verdict(source) == "AFD changes 60.0 % of the labels"
    assert "Without true labels it is unknown" in source
    assert verdict(page("r.csv", "--clean", "clean.csv")) == "70.0 → 52.0 % as clean"


def test_headline_of_one_classifier_and_of_failures() -> None:
    write("r.csv", pictures(40, 0, 0, 60), compare=False, metadata={"afd": None})
    source = page("r.csv")
    assert verdict(source) == "40.0 % correct with AFD"
    assert "Nothing to compare" in source
    titles = re.findall("<h2>(.*?)</h2>", source)
    assert not {"Gain over drift", "Pictures whose label changed"} & set(titles)
    write("r2.csv", [row(f"{i}.jpg", error="corrupt") for i in range(3)])
    source = page("r2.csv")
    assert verdict(source) == "Every file failed: there are no labels"
    titles = re.findall("<h2>(.*?)</h2>", source)
    assert titles[1:] == ["Failures", "All numbers", "How it was made"]
    assert "<svg" not in source


def test_shares_in_words() -> None:
    words = {0.335: "a third", 0.51: "half", 0.26: "a quarter", 0.42: "42 %", 0.99: "all",
             1.3: "more than all", 0.66: "two thirds", 0.04: "4 %", -0.2: "-20 %"}  # fmt: skip
    assert {share: share_words(share) for share in words} == words


def test_sections_come_in_reading_order_and_words_are_explained() -> None:
    write("r.csv", compared(), metadata=STEM)
    source = page("r.csv")
    assert re.findall("<h2>(.*?)</h2>", source)[1:] == [
        *("How to read this", "By folder", "Accuracy over quality factor", "Gain over drift"),
        *("Calibration", "By class", "Pictures whose label changed", "The collection"),
        *("All numbers", "How it was made"),
    ]
    text = source.replace("&#39;", "'")
    for word in ("stem", "drift"):
        assert f"<dt>{word}</dt><dd>{WORDS[word]}</dd>" in text
    # Where the words come first.
    assert text.index(f"stem: {WORDS['stem']}") < text.index("How to read this")
    assert text.index(WORDS["drift"]) < text.index("Gain over drift")


def test_words_are_explained_on_the_screen(tmp_path: Path) -> None:
    path = str(tmp_path / "r.csv")
    write(path, compared(), labels=False, metadata=STEM)
    write(str(tmp_path / "s.csv"), compared(), labels=False, metadata=STEM)
    for files in ([path], [path, str(tmp_path / "s.csv")]):
        shown = report(*files, width=300).stdout
        assert f"stem: {WORDS['stem']}" in shown
        assert WORDS["drift"] in shown


def test_folders_come_in_numeric_order() -> None:
    qualities = (25, 7, 100, 10)
    rows = [r for q in qualities for r in pictures(2, q, 0, 1, folder=f"set/qf{q}/")]
    write("r.csv", rows)
    source = page("r.csv")
    section = source[source.index("<h2>By folder") : source.index("<h2>Accuracy over")]
    names = re.findall('<th scope="row">(.*?)</th>', section)
    assert names == ["qf7", "qf10", "qf25", "qf100"]
    assert sorted(("b2", "B10", "a", "b02x", "²", "9" * 5000), key=natural)[:2] == ["9" * 5000, "a"]


def test_quality_factors_have_one_binning() -> None:
    rows = [row(f"{i}.jpg", "cat", "dog", "cat", quality=i) for i in range(1, 101, 3)]
    write("r.csv", rows)
    source = page("r.csv")
    assert set(re.findall(r"QF \d+-\d+", source)) == set(band_names())
    numbers = [re.findall(r"<th scope=\"row\">(QF .*?)</th>", part)
               for part in source.split("Numbers of this plot</caption>")[1:]]  # fmt: skip
    assert [part for part in numbers if part] == [band_names(), band_names()]


def test_no_picture_is_shown_twice() -> None:
    """Views of one picture, and a worse copy of a file under another name."""
    rows = []
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "green")):
        for folder in ("qf7", "qf10", "qf25"):
            rows.append(row(f"{folder}/{name}.jpg", "cat", "dog", "cat"))
            path = Path("photos") / folder / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 30), colour).save(path)
    with Image.open("photos/qf7/a.jpg") as image:
        image.save("photos/copy of a.jpg", quality=5)
    write("r.csv", [*rows, row("copy of a.jpg", "cat", "dog", "cat")])
    source = page("r.csv", "--photos", "photos")
    shown = re.findall(r'<img src="[^"]*" alt="([^"]*)"', source)
    assert sorted(name[-5] for name in shown) == ["a", "b", "c"]
    assert "each picture once" in source


def test_names_break_between_words_but_not_inside_a_suffix() -> None:
    assert breakable("qf7/ILSVRC2012_val1.jpg") == (
        'qf7/<wbr>ILSVRC2012_<wbr>val1<span class="suffix">.jpg</span>'
    )
    assert breakable("known from deg/manifest.csv); done") == (
        'known from deg/<wbr>manifest<span class="suffix">.csv</span>); done'
    )
    assert '<span class="suffix">.stem.safetensors</span>' in breakable("net.stem.safetensors")
    assert breakable("torch 2.14.1, <b>.") == "torch 2.14.1, &lt;b&gt;."


def test_names_of_files_keep_their_suffix_on_the_page() -> None:
    write("r.csv", pictures(2, 12, 2, 4))
    Path("photos").mkdir()
    for i in range(20):
        Image.new("RGB", (30, 30), (12 * i, 255 - 12 * i, 97 * i % 256)).save(f"photos/{i}.jpg")
    source = page("r.csv", "--photos", "photos")
    assert source.count('<span class="suffix">.jpg</span>') == 18
    assert 'Results: r<span class="suffix">.csv</span>' in source
    assert ".suffix { white-space: nowrap; }" in source


def test_class_table_suits_a_phone() -> None:
    """Intervals go below their numbers, and the columns that matter least are left out."""
    write("r.csv", compared(), metadata=STEM)
    source = page("r.csv")
    table = source[source.index('<table class="sortable">') :]
    table = table[: table.index("</table>")]
    heads = re.findall(r'<th scope="col"(.*?)>(.*?)</th>', table)
    spare = [name for kind, name in heads if "spare" in kind]
    assert spare == ["p"]
    assert '<td data-number="0.5">50.0 <small>[29.9, 70.1]</small></td>' in table
    style = source[source.index("@media (max-width: 32rem)") : source.index("</style>")]
    assert ".spare { display: none; }" in style
    assert "td small { display: block;" in source


def test_page_shows_only_the_largest_of_many_classes_and_folders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sections, "MAX_CLASSES", 5)
    monkeypatch.setattr(sections, "MAX_GROUPS", 4)
    rows = [
        Row(f"{i}/{k}.jpg", codec="jpeg", top_classes=(TopClass(f"class {i}", i, 0.5),),
            direct=(TopClass("cat", 0, 0.4),), target=i, target_label=f"class {i}")
        for i in range(9) for k in range(1 + (i > 6))
    ]  # fmt: skip
    write("r.csv", rows)
    source = page("r.csv")
    assert "4 smaller classes are only in the summary" in source
    assert "5 smaller groups are not shown; --all shows them" in source
    assert re.findall('<th scope="row">(class .)</th>', source)[:2] == ["class 7", "class 8"]
    assert len(re.findall('<th scope="row">class .</th>', source)) == 5
