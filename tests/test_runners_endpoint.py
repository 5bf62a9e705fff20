"""A model behind an address: a server on this machine that answers, stumbles and refuses."""

import email.utils
import json
import time

import model_servers
import pytest

from tinyeval.errors import ConfigError, DataError, TinyEvalError
from tinyeval.training import Endpoint, Item

ITEMS = [
    Item("sum", {"prompt": "1 + 1 =", "gold": "2"}),
    Item("pick", {"prompt": "Which is red?", "choices": ["sky", "blood"], "gold": 1}),
    Item("hard", {"prompt": "17 * 3 =", "gold": ["51", "fifty-one"]}),
]
TEXTS = {"1 + 1 =": " 2\n\nand more", "Which is red?": "B.", "17 * 3 =": "50"}


def reply(path, body):
    prompt = body.get("prompt") or body["messages"][0]["content"]
    text = TEXTS.get(prompt.splitlines()[0], "A")
    if "prompt" in body:
        return {"choices": [{"text": text}]}
    return {"choices": [{"message": {"role": "assistant", "content": text}}]}


def serving(*troubles):
    return model_servers.serving(reply, *troubles)


def endpoint(url, **options):
    waits = []
    made = Endpoint(url, "mine", **{"sleep": waits.append, "workers": 1, **options})
    return made, waits


@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize("chat", [True, False])
def test_answers_are_asked_and_marked(chat, workers, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    with serving() as (server, url):
        made, _ = endpoint(url, chat=chat, workers=workers, options={"seed": 3})
        assert made(ITEMS) == {"sum": 1, "pick": 1, "hard": 0}
        assert made(ITEMS[:1], "other") == {"sum": 1}
    path, headers, body = server.seen[0]
    assert path == ("/v1/chat/completions" if chat else "/v1/completions")
    assert headers["Authorization"] == "Bearer sesame"
    assert (body["model"], body["temperature"], body["seed"]) == ("mine", 0, 3)
    assert server.seen[-1][2]["model"] == "other"
    asked = [json.dumps(one[2]) for one in server.seen]
    assert sum("A. sky" in one and "B. blood" in one for one in asked) == 1


def test_no_key_no_header(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving() as (server, url):
        endpoint(url + "/")[0](ITEMS[:1])
    assert "Authorization" not in server.seen[0][1]


def test_troubles_that_pass_are_waited_for():
    troubles = [
        (503, {}, {"error": "loading"}),
        "drop",
        (429, {"Retry-After": "7"}, {"error": "slow down"}),
        (429, {"Retry-After": "soon"}, {}),
    ]
    with serving(*troubles) as (server, url):
        made, waits = endpoint(url)
        assert made(ITEMS[:1]) == {"sum": 1}
    assert waits == [1, 2, 7, 8]
    assert len(server.seen) == 5


def test_a_date_to_wait_for_is_read():
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    past = email.utils.formatdate(time.time() - 30, usegmt=True)
    troubles = [(429, {"Retry-After": one}, {}) for one in (date, past, "nan")]
    with serving(*troubles) as (_, url):
        made, waits = endpoint(url)
        assert made(ITEMS[:1]) == {"sum": 1}
    assert waits == [pytest.approx(30, abs=5), 0, 4]


def test_waiting_has_an_end():
    with serving(*[(503, {"Retry-After": "9999"}, {})] * 3) as (_, url):
        made, waits = endpoint(url, attempts=3)
        with pytest.raises(TinyEvalError, match=r"item 'sum' after 3 attempts \(status 503"):
            made(ITEMS[:1])
    assert waits == [60, 60]


def test_slow_answers_are_given_up():
    with serving("slow", "slow") as (_, url):
        made, _ = endpoint(url, attempts=2, timeout=0.1)
        with pytest.raises(TinyEvalError, match="timed out"):
            made(ITEMS[:1])


def test_nobody_there():
    with serving() as (_, url):
        pass
    with pytest.raises(TinyEvalError, match="check that the server runs"):
        endpoint(url, attempts=2)[0](ITEMS)


def test_a_refusal_is_final():
    with serving((401, {}, {"error": "bad\nkey"})) as (server, url):
        made, waits = endpoint(url)
        with pytest.raises(TinyEvalError, match=r"refused item 'sum' with status 401: .*key"):
            made(ITEMS[:1])
    assert waits == []
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "reply", [{"choices": []}, {"error": "x"}, [], {"choices": [{"message": {"content": 3}}]}]
)
def test_replies_of_another_form_are_refused(reply):
    with serving((200, {}, reply)) as (_, url), pytest.raises(DataError, match="item 'sum' in"):
        endpoint(url)[0](ITEMS[:1])


def test_a_reply_that_is_no_json():
    with serving((200, {}, b"<html>")) as (_, url), pytest.raises(DataError, match="no JSON"):
        endpoint(url)[0](ITEMS[:1])


def test_a_reply_without_text_is_a_wrong_answer():
    empty = {"choices": [{"message": {"content": None}}]}
    with serving((200, {}, empty)) as (_, url):
        assert endpoint(url)[0](ITEMS[:1]) == {"sum": 0}


def test_items_are_checked_before_the_first_request():
    many = {"prompt": "?", "choices": [str(k) for k in range(27)], "gold": 0}
    with serving() as (server, url):
        for bad in ({"prompt": "1 + 1 ="}, {"gold": "2"}, many):
            with pytest.raises(DataError, match="'bad'"):
                endpoint(url)[0]([*ITEMS, Item("bad", bad)])
    assert server.seen == []


def test_an_answer_is_as_long_as_asked_or_as_the_item_says():
    item = Item("sum", {**ITEMS[0].content, "max_tokens": 5})
    with serving() as (server, url):
        endpoint(url)[0]([item])
        endpoint(url)[0](ITEMS[:1])
        endpoint(url, max_tokens=2000)[0]([item])
    assert [body["max_tokens"] for _, _, body in server.seen] == [5, 256, 2000]


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match="http"):
        Endpoint("localhost:8000")
    with pytest.raises(ConfigError, match="positive"):
        Endpoint("http://x/v1", max_tokens=0)
    with pytest.raises(ConfigError, match="positive"):
        Endpoint("http://x/v1", timeout=0)
