from daemon.identity.tracks import Stay, TrackBook


def test_book_gives_up_who_was_not_heard_of_for_longest() -> None:
    book = TrackBook(most=2)
    for track in ["a", "b", "c", "a"]:
        book.touch("door", track, 0)
    assert [state.track for state in book.pop_surplus()] == ["b"]
    assert book.pop_surplus() == []
    assert [state.track for state in book] == ["c", "a"]


def test_out_of_sight_is_who_is_missing_on_a_camera_that_was_named() -> None:
    book = TrackBook(most=9)
    for camera, track in [("door", "a"), ("door", "b"), ("yard", "c"), ("gate", "d"), ("door", "e")]:
        book.touch(camera, track, 0)
    book.touch("door", "e", 0).ended = Stay(0, 0)
    assert [state.track for state in book.out_of_sight({"door": ["a", "c"], "yard": []})] == ["b", "c"]
