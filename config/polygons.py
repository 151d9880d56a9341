"""Parts of a camera's picture, as an operator draws them."""

from typing import Annotated

from pydantic import AfterValidator, Field

LEAST_CORNERS = 3


def _inside(share: float) -> float:
    if not 0 <= share <= 1:
        raise ValueError("lies outside of the picture: corners are shares of its width and height, 0 to 1")
    return share


Share = Annotated[float, AfterValidator(_inside), Field(json_schema_extra={"minimum": 0, "maximum": 1})]
Point = tuple[Share, Share]


def _has_area(corners: tuple[Point, ...]) -> tuple[Point, ...]:
    if len(corners) < LEAST_CORNERS:
        raise ValueError(f"has {len(corners)} corners; a polygon has {LEAST_CORNERS} or more")
    ax, ay = corners[0]
    bx, by = next((corner for corner in corners if corner != corners[0]), corners[0])
    if all((bx - ax) * (y - ay) == (by - ay) * (x - ax) for x, y in corners):
        raise ValueError("has no area: its corners lie on one line")
    return corners


Polygon = Annotated[
    tuple[Point, ...],
    # The least number as a constraint would count the right corners only, and so complain twice of a wrong one.
    Field(max_length=64, json_schema_extra={"minItems": LEAST_CORNERS}),
    AfterValidator(_has_area),
]
"""Corners as [x, y], each 0 (left, top) to 1 (right, bottom); the last one is joined to the first."""

Polygons = Annotated[tuple[Polygon, ...], Field(max_length=16)]
