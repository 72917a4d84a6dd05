"""What pyproject.toml asks for can be installed at its lowest."""

from tests import lowest


def test_every_requirement_is_a_floor_and_has_one_floor() -> None:
    lines = list(lowest.constraints())
    assert len(lines) == sum(map(len, lowest.requirements().values()))
    assert len({line.partition("==")[0] for line in lines}) == len(set(lines))
