from config import CameraSettings, IdentitySettings, Settings
from config.changes import find_changes
from config.rules import RuleSettings

DOOR = CameraSettings(url="rtsp://u:hunter2@192.0.2.1/x", username="u", password="hunter2")


def differences(old: Settings, new: Settings) -> list[str]:
    return [str(change) for change in find_changes(old, new)]


def test_equal_settings_differ_in_nothing():
    assert differences(Settings(cameras={"door": DOOR}), Settings(cameras={"door": DOOR.model_copy()})) == []


def test_each_key_is_named_with_both_values():
    faster = DOOR.model_copy(update={"detect_fps": 8.0, "username": None})
    new = Settings(cameras={"door": faster}, identity=IdentitySettings(margin=0.1))
    assert differences(Settings(cameras={"door": DOOR}), new) == [
        "cameras.door.username: u -> unset",
        "cameras.door.detect_fps: 5.0 -> 8.0",
        "identity.margin: 0.05 -> 0.1",
    ]


def test_a_camera_comes_and_goes_as_a_whole():
    assert differences(Settings(cameras={"door": DOOR}), Settings(cameras={"yard": DOOR})) == [
        "cameras.door: removed",
        "cameras.yard: added",
    ]


def test_a_secret_is_never_shown():
    other = CameraSettings(url="rtsp://u:letmein@192.0.2.1/x", username="u", password="letmein")
    told = differences(Settings(cameras={"door": DOOR}), Settings(cameras={"door": other}))
    assert told == ["cameras.door.url: changed", "cameras.door.password: changed"]
    gone = DOOR.model_copy(update={"password": None})
    assert differences(Settings(cameras={"door": DOOR}), Settings(cameras={"door": gone})) == [
        "cameras.door.password: changed"
    ]


def test_whom_a_rule_names_is_never_shown():
    old = RuleSettings(people=("Ada Lovelace", 7), watch=("Ada Lovelace",), level="info")
    new = RuleSettings(people=("Grace Hopper", 7), watch=(), level="notice")
    assert differences(Settings(rules={"guests": old}), Settings(rules={"guests": new})) == [
        "rules.guests.people: changed",
        "rules.guests.watch: changed",
        "rules.guests.level: info -> notice",
    ]
