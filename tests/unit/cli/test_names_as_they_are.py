"""Names in a terminal: what a client or an operator is called is printed as it is."""

from __future__ import annotations

import pytest

from expunge_orchestrator.cli import output


@pytest.mark.parametrize("name", ["client:100:", "cl:[/red]", "[bold]", ":smile:"])
def test_no_markup_and_no_pictures(capsys: pytest.CaptureFixture[str], name: str) -> None:
    output.console().print(output.table(f"Plan for {name}", ("collection",), [(name,)]))
    assert capsys.readouterr().out.count(name) == 2
    output.print_error(name, name)
    assert capsys.readouterr().err.count(name) == 2
