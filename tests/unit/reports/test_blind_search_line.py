"""The line about the search that knows no map: of a known form in words, of any other that it is not known."""

import pytest

from expunge_reports.verify import verdict_text

AT = "2026-11-27T10:00:00Z"
SAID = {
    "searched": "searched",
    "at": AT,
    "places": 214,
    "values": 3,
    "logs": 3,
    "retained": 1,
    "mapped": 2,
    "gaps": 0,
    "left": [],
}


def lines_with(operator, said):
    operator.issue("accepted")
    operator.issue("settled", body={"blindSearch": said, "context": []})
    verdict = operator.verify(operator.export())
    assert verdict.genuine
    return verdict_text.lines(verdict)[-1]


def test_what_was_found_is_said_in_one_line(operator):
    assert lines_with(operator, SAID) == (
        f"    blind search as of {AT}: 214 places for 3 values of the person; records found: 3 in logs, 1 in what is"
        " retained, 2 in mapped places (of others, or judged by verification), elsewhere none; not searched: 0 places"
    )


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (
            {**SAID, "left": [{"store": "main", "place": "a.b.c", "records": 1}]},
            "elsewhere in places that it lists, 1;",
        ),
        ({"searched": "not-in-sample", "at": AT}, "not in the sample"),
        ({"searched": "no-values", "at": AT}, "nothing is known that can be told from other people's"),
        ({"searched": "limited-request"}, "limited to data types"),
        ({"searched": "ended"}, "before the operator ended"),
        ({**SAID, "places": "\x1b[31m214"}, "in a form that this version does not know"),
        ({**SAID, "logs": True}, "in a form that this version does not know"),
        ({**SAID, "at": "now"}, "in a form that this version does not know"),
        ({"searched": ["x"]}, "in a form that this version does not know"),
        ("\x1b[31m", "in a form that this version does not know"),
    ],
)
def test_any_other_form_is_told_and_nothing_of_it_is_printed(operator, said, word):
    line = lines_with(operator, said)
    assert word in line
    assert "\x1b" not in line
