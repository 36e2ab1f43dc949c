"""What every page is rendered with: all text is escaped, a misspelt name is an error, templates are shared."""

import re
import sys
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from expunge_reports import page
from expunge_reports.page import jinja_environment

PACKAGE = Path(page.__file__).parent
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of somebody else with a page of its own; returns how its template is rendered."""
    templates = tmp_path / "another" / "templates"
    templates.mkdir(parents=True)
    (tmp_path / "another" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "another", raising=False)

    def render(template: str, **values: object) -> str:
        (templates / "page.html").write_text(template)
        return jinja_environment.render("page.html", "another", **values)

    yield render
    jinja_environment.environment.cache_clear()


def test_another_packages_page_extends_the_shared_base_and_takes_its_parts(package):
    html = package(
        '{% extends "base.html" %}{% from "macros.html" import section, value with context %}'
        "{% block title %}Mine{% endblock %}"
        '{% block main %}{% call section("One") %}{{ value(it) }}{% endcall %}{% call section("Two") %}{% endcall %}'
        "{% endblock %}",
        it={"a": [HOSTILE]},
    )
    assert "<title>Mine</title>" in html
    assert "<h1>Mine</h1>" in html
    assert "default-src &#39;none&#39;" in html
    assert re.findall('h2 id="([^"]*)"', html) == ["section-1", "section-2"]
    assert "<li>&lt;script&gt;alert(1)&lt;/script&gt;</li>" in html


@pytest.mark.parametrize("name", ["{{ it }}", "{% set x %}{{ it }}{% endset %}{{ x }}", '{{ "%s" | format(it) }}'])
def test_text_is_escaped_wherever_it_comes_from(package, name):
    assert "<script" not in package(name, it=HOSTILE)


@pytest.mark.parametrize(
    "name", ["{{ mistake }}", "{{ it.mistake }}", '{{ it["mistake"] }}', "{% if mistake %}{% endif %}"]
)
def test_a_name_that_is_not_there_is_an_error(package, name):
    with pytest.raises(UndefinedError):
        package(name, it={})


def test_no_template_and_no_module_marks_a_text_as_safe():
    written = {path: path.read_text() for path in PACKAGE.rglob("*") if path.suffix in {".html", ".py"}}
    assert len(written) > 15
    assert [path.name for path, text in written.items() if re.search(r"\|\s*safe|Markup|endautoescape", text)] == []
