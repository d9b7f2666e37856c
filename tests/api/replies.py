"""Reading replies in tests."""

from typing import Any

from werkzeug.test import TestResponse


def problem_of(reply: TestResponse, *, status: int, code: str) -> dict[str, Any]:
    """Check that a reply is the problem it should be, in every part, and return it."""
    assert reply.status_code == status, reply.text
    assert reply.content_type == "application/problem+json"
    problem = reply.get_json()
    assert problem.keys() == {"type", "title", "status", "detail", "code", "instance"}
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"/problems#{code}"
    assert problem["title"] and problem["detail"]
    return problem
