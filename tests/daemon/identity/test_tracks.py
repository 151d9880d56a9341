from daemon.identity.tracks import TrackBook


def test_book_gives_up_who_was_not_heard_of_for_longest() -> None:
    book = TrackBook(most=2, forget_after_s=100)
    for now, track in enumerate(["a", "b", "c", "a"]):
        book.touch("door", track, 0, now)
    assert [state.track for state in book.pop_surplus(now_s=4)] == ["b"]
    assert [state.track for state in book.pop_surplus(now_s=102)] == ["c"]
    assert len(book) == 1
