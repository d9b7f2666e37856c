"""What pydantic found wrong with a value, in words for those who gave it: its own are for programmers."""

import json
from typing import Any

from pydantic_core import ErrorDetails

MOST_SHOWN_CHARACTERS = 100

_KINDS = {
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number with fewer digits",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than_equal": "a number of at most {le}",
    "enum": "{expected}",
    "string_type": "text",
    "string_too_short": "at least {min_length} character",
    "string_too_long": "at most {max_length} characters",
    "value_error": "{error}",  # of our own validators: what they expect
}
"""By pydantic's type of an error, with names out of its context.
Source: https://docs.pydantic.dev/latest/errors/validation_errors/"""


def expected(wrong: ErrorDetails) -> str:
    """Say what value was expected, to stand after "expected"."""
    kind = _KINDS.get(wrong["type"])
    if kind is None:
        return wrong["msg"].removeprefix("Input should be ")
    return kind.format(**{name: _plain(it) for name, it in wrong.get("ctx", {}).items()})


def shown(value: object) -> str:
    """Show a value as who gave it wrote it, text in quotes, no more than its beginning."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    if len(text) <= MOST_SHOWN_CHARACTERS:
        return text
    return f"{text[:MOST_SHOWN_CHARACTERS]}…"


def _plain(bound: Any) -> Any:
    """Write a bound of floats that is whole without a fraction."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound
