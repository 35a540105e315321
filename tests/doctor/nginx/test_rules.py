"""Rules that are only partly known: what is said of them holds for everything that they may turn out to be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mattegate.doctor.nginx.modsecurity.operators import compared
from mattegate.doctor.nginx.modsecurity.rules import Rule, actions_of, rules_of
from mattegate.doctor.nginx.modsecurity.text import read_lines
from mattegate.doctor.nginx.modsecurity.transformations import transformed
from mattegate.doctor.nginx.modsecurity.values import AtLeast, Value, plus

_NUMBERS = st.integers(-50, 50)
_ORDERS = st.sampled_from(["eq", "ge", "gt", "le", "lt"])


@given(_ORDERS, _NUMBERS, st.integers(0, 50), _NUMBERS)
def test_a_number_known_from_below_is_judged_as_every_number_it_may_be(
    name: str, least: int, more: int, limit: int
) -> None:
    """A comparison that decides for "at least" decides the same for each number from there up."""
    said = compared(name, AtLeast(least), str(limit)).holds
    assert said in {None, compared(name, str(least + more), str(limit)).holds}


@given(st.one_of(_NUMBERS, st.none()), st.integers(0, 9), st.booleans(), st.booleans())
def test_a_sum_that_may_not_have_been_made_is_known_from_below(
    base: int | None, added: int, sure: bool, happened: bool
) -> None:
    """What is said of a sum holds whether it was made or not, where that is open."""
    value: Value = None if base is None else str(base)
    said = plus(value, str(added), sure=sure)
    if base is None:
        assert said is None
        return
    real = base + (added if sure or happened else 0)
    assert said == str(real) if isinstance(said, str) else isinstance(said, AtLeast) and said.number <= real


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    """What is no rule file is read to no rules, or to rules that are not understood."""
    for rule in rules_of(read_lines(text, "x.conf")):
        assert not isinstance(rule, Rule) or rule.line.file == "x.conf"


@given(st.text(max_size=40), st.lists(st.sampled_from(["lowercase", "urlDecodeUni", "jsDecode", "cmdLine", "odd"])))
def test_transformations_never_fail(value: str, names: list[str]) -> None:
    """A transformation gives a text, or nothing that is known."""
    made = transformed(value, names)
    assert made is None or isinstance(made, str)


def test_lines_keep_their_numbers() -> None:
    """A rule over several lines has the number of its first."""
    text = '# comment\nSecRule ARGS "@rx a" \\\n  "id:1,\\\n  deny"\n\nSecAction "id:2,pass"\n'
    assert [(line.name, line.line, len(line.args)) for line in read_lines(text, "f")] == [
        ("SecRule", 2, 3),
        ("SecAction", 6, 1),
    ]


def test_commas_in_quotes_part_no_actions() -> None:
    """A message may have commas and colons in it."""
    actions = actions_of("id:7,phase:2,msg:'one, two: three',t:none,t:lowercase,setvar:'tx.a=b,c',deny")
    assert (actions.last("msg"), actions.last("setvar")) == ("one, two: three", "tx.a=b,c")
    assert (actions.all("t"), actions.disruptive) == (("none", "lowercase"), "deny")
