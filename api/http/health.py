"""/healthz and /readyz, for whoever watches this process."""

from http import HTTPStatus

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from sqlalchemy.exc import DBAPIError

from api.http.problems import problem, problem_responses
from api.http.replies import json_reply
from api.http.schemas import HealthReply, NoParameters
from api.http.services import services
from storage.errors import ConfigurationError, DatabaseUnavailable

blueprint = APIBlueprint(
    "health", __name__, abp_tags=[{"name": "health", "description": "Is it up?"}]
)


@blueprint.get(
    "/healthz", operation_id="getHealth", responses={"200": HealthReply, **problem_responses(400)}
)
def get_health(query: NoParameters) -> Response:
    """Tell that this process lives."""
    return json_reply(HealthReply(status="ok"))


@blueprint.get(
    "/readyz",
    operation_id="getReadiness",
    responses={"200": HealthReply, **problem_responses(400, 503)},
)
def get_readiness(query: NoParameters) -> Response:
    """Tell that the database answers too, and has the schema of this version."""
    try:
        services().database.check()
    except (
        ConfigurationError
    ) as error:  # 503, and not an internal error, which would hide what to do
        return problem(error, status=HTTPStatus.SERVICE_UNAVAILABLE)
    except DBAPIError as error:
        raise DatabaseUnavailable() from error
    return json_reply(HealthReply(status="ok"))
