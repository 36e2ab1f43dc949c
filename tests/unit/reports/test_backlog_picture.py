"""The picture of what is left by age: nothing lies outside of it, heights are in proportion, the table has it all."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from expunge_reports.page import backlog_picture
from expunge_reports.page.backlog_picture import FLOOR, HEIGHT, LEFT, RIGHT, TOP, ZERO, Day, Foreseen, draw

FIRST = date(2026, 1, 1)
many = st.integers(0, 10**9)


@st.composite
def histories(draw_: st.DrawFn) -> list[Day]:
    after = sorted(draw_(st.sets(st.integers(0, 364), min_size=1, max_size=364)))
    return [Day(FIRST + timedelta(days=at), draw_(st.none() | many), draw_(many), draw_(many)) for at in after]


@given(histories(), st.lists(st.tuples(many, st.integers(0, 4000)), max_size=2))
def test_all_lies_within_and_in_proportion(days: list[Day], ahead: list[tuple[int, int]]) -> None:
    top = max(one.left for one in days)
    foreseen = [Foreseen(days[0].day, min(left, top), days[0].day + timedelta(days=on)) for left, on in ahead]
    picture = draw(days, foreseen)
    assert picture is not None
    assert len(picture.points) == len(days)
    assert all(LEFT <= x <= RIGHT and TOP <= y <= FLOOR for x, y in picture.points)
    assert [x for x, _ in picture.points] == sorted({x for x, _ in picture.points})
    assert all(LEFT <= tick.x <= RIGHT for tick in picture.ticks)
    assert 0 < len(picture.ticks) <= 14
    assert all(ZERO - HEIGHT <= bar.y < ZERO for bar in picture.came)
    assert all(bar.y == ZERO and bar.height <= HEIGHT for bar in picture.gone)
    assert len(picture.gone) == sum(one.gone > 0 for one in days)
    assert len(picture.came) == sum((one.came or 0) > 0 for one in days)
    assert all(LEFT <= line.x <= RIGHT for line in picture.forecasts)
    most = int(picture.most_left.replace(",", ""))
    assert max(1, top) <= most <= max(1, top * 1.1 + 1)
    for one, (_, y) in zip(days, picture.points, strict=True):
        assert abs((FLOOR - y) / (FLOOR - TOP) - one.left / most) < 0.002


@given(histories())
def test_the_table_comes_to_the_same(days: list[Day]) -> None:
    picture = draw(days)
    assert picture is not None
    assert sum(row[3] for row in picture.rows) == sum(one.gone for one in days)
    assert sum(row[2] or 0 for row in picture.rows) == sum(one.came or 0 for one in days)
    assert picture.rows[-1][4] == days[-1].left
    assert (picture.rows[0][0], picture.rows[-1][1]) == (days[0].day.isoformat(), days[-1].day.isoformat())
    assert len(picture.rows) <= 54
    assert picture.weekly == (len(days) > 40)


def test_a_forecast_goes_down_to_its_day_or_as_far_as_the_axis_goes() -> None:
    days = [Day(FIRST + timedelta(days=at), 0, 10, 100 - 10 * at) for at in range(8)]
    near, far = Foreseen(FIRST, 100, FIRST + timedelta(days=5)), Foreseen(FIRST, 100, FIRST + timedelta(days=700))
    picture = draw(days, [near, far])
    assert picture is not None
    assert picture.forecasts[0].path.endswith(f" {float(FLOOR)}")
    assert picture.forecasts[0].x < picture.forecasts[1].x == RIGHT
    assert picture.forecasts[1].path.endswith(" 42.2"), "98 of 100 are left where the axis ends"
    assert picture.forecasts[0].label == "forecast on 1 Jan: gone on 6 Jan"


def test_it_says_in_words_what_it_shows() -> None:
    days = [
        Day(FIRST, None, 5, 40),
        Day(FIRST + timedelta(days=2), 30, 10, 60),
        Day(FIRST + timedelta(days=3), 1, 61, 0),
    ]
    picture = draw(days)
    assert picture is not None
    assert picture.said == (
        "40 left on 1 Jan 2026, at most 60 on 3 Jan 2026, 0 on 4 Jan 2026. In these 4 days 31 came due and 76 went."
    )
    assert draw([]) is None


def test_numbers_have_their_thousands() -> None:
    assert backlog_picture.number(1234567) == "1,234,567"
