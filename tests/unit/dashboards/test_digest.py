import json

import pytest

from comparators.errors import SettingsError
from dashboards.report import build_report, render_html, render_json, render_markdown
from dashboards.report.digest import check
from dashboards.report.json import report_digest
from tests.unit.dashboards.evidence import evidence

REPORT = build_report(evidence(), signers=("Ada, head of engineering",))
BESIDE = {"report.html": render_html(REPORT), "report.md": render_markdown(REPORT)}
WRITTEN = render_json(REPORT, BESIDE)


def test_every_form_tells_the_same_digest_and_who_shall_sign() -> None:
    digest = report_digest(REPORT)

    assert digest.startswith("sha256:")
    for text in (WRITTEN, *BESIDE.values()):
        assert digest in text
        assert "Ada, head of engineering" in text


def test_a_report_is_as_it_was_written_however_its_json_is_laid_out() -> None:
    laid_out_anew = json.dumps(json.loads(WRITTEN), sort_keys=True)

    assert check(WRITTEN, BESIDE, where="here").holds
    assert check(laid_out_anew, BESIDE, where="here").holds


@pytest.mark.parametrize("figure", ['"p99_s": 0.03', '"match": 1000', '"result": "pass"'])
def test_a_figure_that_was_changed_is_noticed(figure: str) -> None:
    name = figure.partition(":")[0]
    assert figure in WRITTEN

    checked = check(WRITTEN.replace(figure, f"{name}: 1", 1), BESIDE, where="here")

    assert not checked.holds
    assert checked.found != checked.stated == report_digest(REPORT)


def test_a_page_that_was_changed_is_named_and_one_that_is_missing_too() -> None:
    changed = BESIDE["report.html"].replace("1,000", "2,000", 1)

    checked = check(WRITTEN, {"report.html": changed}, where="here")

    assert not checked.holds
    assert (checked.altered, checked.missing) == (("report.html",), ("report.md",))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"digest": "sha256:0", "files": 3}', "null"])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="no report with a digest"):
        check(text, {}, where="there")
