"""Speaks with a gateway as Debian's python3-websockets does.

Whom to speak with comes as one JSON object on standard input; each step that went as it should is a line on standard output, and the
first one that did not ends the program.
"""

import asyncio
import json
import ssl
import sys
import traceback

from websockets.exceptions import ConnectionClosed, InvalidHandshake

try:  # since version 13
    from websockets.asyncio.client import connect

    HEADERS = "additional_headers"
except ImportError:
    from websockets.client import connect

    HEADERS = "extra_headers"

given = json.load(sys.stdin)
tls = ssl.create_default_context(cafile=given["ca"]) if given.get("ca") else None
PATIENCE = 10


def bearer(token):
    return {"Authorization": "Bearer " + token}


def opened(subprotocols=None, headers=None):
    more = {"ssl": tls} if tls else {}
    return connect(given["url"], subprotocols=subprotocols, open_timeout=PATIENCE, close_timeout=PATIENCE, **{HEADERS: headers}, **more)


async def raw(client):
    return await asyncio.wait_for(client.recv(), PATIENCE)


async def take(client):
    message = await raw(client)
    assert isinstance(message, str), "a message of portcullis.v1.json is binary"
    return json.loads(message)


async def ask(client, **request):
    await client.send(json.dumps(request))
    return await take(client)


async def ended(client):
    """Return the code and reason with which the gateway ends the connection."""
    try:
        while True:
            await raw(client)
    except ConnectionClosed as end:
        return end.rcvd.code, end.rcvd.reason


def same(got, want):
    assert got == want, f"got {got!r:.500}, want {want!r:.500}"


def some(message, *names):
    return {name: message[name] for name in names}


async def refused(subprotocols=None, headers=None):
    """Return the status of a handshake that must not succeed, and whether it has a challenge."""
    try:
        async with opened(subprotocols, headers):
            raise AssertionError("the handshake was accepted")
    except InvalidHandshake as end:
        answer = getattr(end, "response", end)  # before version 13 the error itself
        return answer.status_code, "WWW-Authenticate" in answer.headers


async def header():
    async with opened(headers=bearer(given["token"])) as c:
        want = {"type": "welcome", "tenant": given["tenant"], "user": given["user"]}
        same(some(await take(c), "type", "tenant", "user"), want)
        same(c.subprotocol, None)
    same(c.close_code, 1000)


async def subprotocol():
    async with opened(["portcullis.v1.json", "bearer." + given["token"]]) as c:
        same(c.subprotocol, "portcullis.v1.json")
        same((await take(c))["user"], given["user"])


async def refusals():
    token = given["token"]
    same(await refused(), (401, True))
    same(await refused(headers=bearer("not.a.token")), (401, True))
    same(await refused(headers=bearer(given["expired"])), (401, True))
    same(await refused(["portcullis.v1.json", "bearer." + token], bearer(token)), (400, False))
    same(await refused(["bearer." + token]), (400, False))
    same(await refused(["portcullis.v9"], bearer(token)), (400, False))
    same(await refused(headers={**bearer(token), "Origin": "https://evil.example"}), (403, False))


async def echo():
    async with opened(headers=bearer(given["token"])) as c:
        await take(c)
        data = {"text": "Grüße, 世界 \U0001f310", "list": [1, None, True, ""]}
        got = await ask(c, type="echo", id=1, channel="lab:rtt", data=data)
        same(got, {"type": "ok", "id": 1, "channel": "lab:rtt", "data": data})


async def publish():
    async with opened(headers=bearer(given["token"])) as listener, opened(headers=bearer(given["other"])) as talker:
        await take(listener)
        sender = some(await take(talker), "user", "connection")
        ok = {"type": "ok", "id": 1, "channel": "room:1"}
        same(await ask(listener, type="subscribe", id=1, channel="room:1"), ok)
        same(await ask(talker, type="publish", id=1, channel="room:1", data="hi"), ok)
        got = some(await take(listener), "type", "channel", "from", "data")
        same(got, {"type": "message", "channel": "room:1", "from": sender, "data": "hi"})
        same((await ask(talker, type="publish", id=2, channel="ops:1", data="hi"))["code"], "forbidden")
        same(await ask(listener, type="unsubscribe", id=1, channel="room:1"), ok)


async def ping():
    async with opened(headers=bearer(given["token"])) as c:
        await asyncio.wait_for(await c.ping("are you there"), PATIENCE)


async def mirror():
    async with opened(["portcullis.echo.v1"], bearer(given["token"])) as c:
        same(c.subprotocol, "portcullis.echo.v1")
        for sent in ["", "Grüße", b"", b"\0\xff\xfe", b"\7" * 65536]:
            await c.send(sent)
            same(await raw(c), sent)
        await c.send(["in ", "three ", "parts"])
        same(await raw(c), "in three parts")


async def closes():
    for code, name, message in [
        (1003, "unsupported_data", b"{}"),
        (1009, "message_too_big", " " * (given["message_size"] + 1)),
    ]:
        async with opened(headers=bearer(given["token"])) as c:
            await c.send(message)
            same(await ended(c), (code, json.dumps({"code": name}, separators=(",", ":"))))


STEPS = {
    "a token as bearer header": header,
    "a token as subprotocol": subprotocol,
    "refused handshakes": refusals,
    "echo": echo,
    "publish and subscribe": publish,
    "ping and pong": ping,
    "the mirror": mirror,
    "closes by the gateway": closes,
}


async def main():
    for name, step in STEPS.items():
        try:
            await step()
        except Exception:
            print(f"not ok {name}: {traceback.format_exc()}", flush=True)
            sys.exit(1)
        print("ok", name, flush=True)
    # The last line but one asks for the gateway's end; the last one says what was seen of it.
    async with opened(headers=bearer(given["token"])) as last:
        await take(last)
        print("waiting", flush=True)
        print("closed", *await ended(last), flush=True)


asyncio.run(main())
