"""The JSON that goes out and the parameters that come in, as pydantic models: the OpenAPI document is made of them."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from api.http.uploads import MAX_FILENAME_CHARACTERS
from storage.errors import UnknownOption
from storage.records import (
    MAX_DETECT_EVERY,
    MAX_SAMPLE_FPS,
    Detector,
    JobOptions,
)

MICROSECONDS = 1_000_000
LARGEST_KEY = 2**63 - 1
"""Of the database's integers; larger numbers would make it fail."""
LARGEST_SECONDS = 10**9
"""Some thirty years: beyond them the database's clock would overflow."""


DETECTOR_SCHEMA = {
    "type": "string",
    "enum": [*map(str, Detector)],
    "default": str(JobOptions().detector),
    "description": "The face detector; yunet where the installation has its model file.",
}
SAMPLE_FPS_SCHEMA = {
    "type": "number",
    "exclusiveMinimum": 0,
    "maximum": MAX_SAMPLE_FPS,
    "description": "Look at no more frames per second than this; without it at every frame.",
}
DETECT_EVERY_SCHEMA = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_DETECT_EVERY,
    "default": JobOptions().detect_every,
    "description": "Search faces in every so many frames and follow them in between; 1 searches every frame.",
}
FILENAME_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_FILENAME_CHARACTERS,
    "description": "The name of the file that is the body; a form says it itself.",
}


class Parameters(BaseModel):
    """The query of an address; what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Raise UnknownOption naming the known ones; pydantic alone would not say which they are."""
        for name in given:
            if name not in cls.model_fields:
                known = ", ".join(cls.model_fields)
                wanted = f"expected one of: {known}" if known else "this address takes no options"
                raise UnknownOption(f"unknown option {name!r}; {wanted}")
        return given


class NoParameters(Parameters):
    """The query of an address that takes no options."""


class JobPath(BaseModel):
    id: str = Field(description="The job's id, as `POST /v1/jobs` gave it.")


class TrackPath(JobPath):
    track: int = Field(ge=0, le=LARGEST_KEY, description="The track's number.")


class OptionsQuery(Parameters):
    """The options of a new job. Their values are read by JobOptions.parse, as in forms and on the command line."""

    detector: Annotated[str | None, WithJsonSchema(DETECTOR_SCHEMA)] = None
    sample_fps: Annotated[str | None, WithJsonSchema(SAMPLE_FPS_SCHEMA)] = None
    detect_every: Annotated[str | None, WithJsonSchema(DETECT_EVERY_SCHEMA)] = None

    def given(self) -> dict[str, str]:
        """Return the options that were given, by name."""
        return self.model_dump(exclude={"filename"}, exclude_none=True)


class NewJobQuery(OptionsQuery):
    filename: Annotated[str | None, WithJsonSchema(FILENAME_SCHEMA)] = None


class JobsQuery(Parameters):
    limit: int = Field(50, ge=1, le=200, description="Jobs of a page.")
    cursor: int = Field(
        LARGEST_KEY, ge=1, le=LARGEST_KEY, description="Where the page begins: from a `next`."
    )


class BoxReply(BaseModel):
    """Where a face is, in whole pixels of the upright picture."""

    x: int
    y: int
    width: int
    height: int


class HealthReply(BaseModel):
    status: str
