import pytest

from daemon.enrolment.sitting import GOOD_QUALITY, WANTED, Hint, Sitting
from tests.daemon.enrolment.studio import Scene, found_faces
from tests.daemon.factories import unit

LIGHT = 128


def scene(*sides: float, quality: float = 0.9) -> Scene:
    return Scene(sides, unit(1), quality)


@pytest.mark.parametrize(
    ("shown", "brightness", "hint"),
    [
        (scene(), LIGHT, Hint.NOBODY),
        (scene(100, 90), LIGHT, Hint.SEVERAL),
        (scene(39), LIGHT, Hint.CLOSER),
        (scene(100, quality=0.2), LIGHT, Hint.STILL),
        (scene(100), 20, Hint.DARK),
        (scene(100), 240, Hint.BRIGHT),
        (scene(100), LIGHT, Hint.GOOD),
        (scene(100, 40), LIGHT, Hint.GOOD),
    ],
    ids=["nobody", "several", "far", "blurred", "dark", "bright", "good", "bystander"],
)
def test_who_sits_is_told_what_is_wrong(shown: Scene, brightness: int, hint: Hint) -> None:
    sitting = Sitting("camera lobby")
    assert sitting.see(0, found_faces(shown, brightness)) is hint
    assert bool(sitting.looks) == (hint is Hint.GOOD)


def test_the_best_look_of_each_second_is_kept() -> None:
    sitting = Sitting("camera lobby")
    for at_s, quality in [(10.0, 0.6), (10.4, 0.8), (10.9, 0.7), (11.1, 0.4), (12.5, 0.9)]:
        sitting.see(at_s, found_faces(scene(100, quality=quality), LIGHT))
    assert [round(look.quality, 1) for look in sitting.looks] == [0.9, 0.8, 0.4]
    assert {look.source for look in sitting.looks} == {"camera lobby"}
    assert (sitting.count, sitting.is_done) == (2, False)


def test_enough_good_looks_end_a_sitting_and_mediocre_ones_do_not() -> None:
    sitting = Sitting("camera lobby")
    for second in range(WANTED + 3):
        sitting.see(second, found_faces(scene(100, quality=GOOD_QUALITY - 0.1), LIGHT))
    assert (len(sitting.looks), sitting.is_done) == (WANTED, False)
    for second in range(WANTED):
        assert not sitting.is_done
        sitting.see(second, found_faces(scene(100), LIGHT))
    assert sitting.is_done
