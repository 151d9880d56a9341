from pathlib import Path

from daemon.bridges.dead import MOST_BYTES, DeadLetter, DeadLetters


def letter(sequence: int) -> DeadLetter:
    return DeadLetter(
        epoch="e", sequence=sequence, rules=(), level="info", reason="x" * 500, given_up_at="2026-01-01T00:00:00Z"
    )


def test_letters_are_kept_until_they_are_delivered(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "hook.dead.jsonl")
    assert letters.all() == []
    for n in range(3):
        letters.add(letter(n))
    letters.remove([letter(1)])
    assert [kept.sequence for kept in letters.all()] == [0, 2]
    assert (tmp_path / "hook.dead.jsonl").stat().st_mode & 0o777 == 0o600


def test_file_is_bounded_and_the_oldest_go(tmp_path: Path) -> None:
    path = tmp_path / "hook.dead.jsonl"
    one = DeadLetters(path)
    one.add(letter(0))
    path.write_bytes(path.read_bytes() * (MOST_BYTES // path.stat().st_size))
    count = len(one.all())
    assert one.add(letter(1)) == count // 2
    assert one.all()[-1].sequence == 1
    assert path.stat().st_size < MOST_BYTES


def test_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "hook.dead.jsonl"
    letters = DeadLetters(path)
    letters.add(letter(1))
    path.write_bytes(path.read_bytes()[:-20])
    assert letters.all() == []
