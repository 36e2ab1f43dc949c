"""The line about what a statement counts as left: in words where there is some, none where there is not."""

import pytest

from expunge_reports.verify import verdict_text


def lines_with(operator, said):
    operator.issue("accepted")
    operator.issue("settled", body={**said, "context": []})
    verdict = operator.verify(operator.export())
    assert verdict.genuine
    return verdict_text.lines(verdict)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            {"due": 0, "ambiguous": 2},
            "    2 records left that may be other people's, or are so on the word of two of the operator's staff",
        ),
        (
            {"ambiguous": 1},
            "    1 record left that may be another person's, or is so on the word of two of the operator's staff",
        ),
        ({"due": 3}, "    3 records still due"),
        ({"due": 1, "dropped": ["main.users"]}, "    1 record still due; 1 collection whose table was dropped"),
        (
            {"due": 1, "ambiguous": 1, "dropped": ["main.users", "main.posts"]},
            (
                "    1 record still due; 1 record left that may be another person's, or is so on the word of two of the"
                " operator's staff; 2 collections whose tables were dropped"
            ),
        ),
        ({"due": "\x1b[31m1"}, "    something is left (in a form that this version does not know)"),
        ({"ambiguous": True}, "    something is left (in a form that this version does not know)"),
        ({"dropped": {"\x1b": 1}}, "    something is left (in a form that this version does not know)"),
    ],
)
def test_what_is_left_is_said(operator, said, line):
    assert lines_with(operator, said)[-1] == line


@pytest.mark.parametrize("said", [{}, {"due": 0}, {"due": 0, "ambiguous": 0, "dropped": []}])
def test_nothing_left_takes_no_line(operator, said):
    assert lines_with(operator, said)[-1].endswith(" settled (0 open)")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("er_" + "0" * 32, "er_" + "0" * 32),
        ("\x1b[31m", "(in a form that this version does not know)"),
        (7, "(in a form that this version does not know)"),
    ],
)
def test_where_a_request_goes_on_is_said(operator, named, said):
    operator.issue("accepted")
    operator.issue("cancelled", body={"continuedIn": named, "context": []}, final=True)
    verdict = operator.verify(operator.export())
    assert verdict_text.lines(verdict)[-1] == f"    goes on in another receipt: {said}"
    assert verdict_text.to_object(verdict)["statements"][-1]["continued_in"] == said
