"""The requests of opensearch-py 3.2.0, recorded, are answered as it needs them.

Answers in the recording are what must be part of ours: they come from a stand-in, without what differs between servers.
"""

import gzip
import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.anyio
CALLS = [json.loads(line) for line in Path(__file__).with_name("recording.jsonl").read_text().splitlines()]


def contained(expected, found):
    """Assert that all of the expected is found, with numbers of 16 bits."""
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        assert expected.keys() <= found.keys(), (expected, found)
        for key, value in expected.items():
            contained(value, found[key])
    elif isinstance(expected, list):
        assert len(expected) == len(found), (expected, found)
        for pair in zip(expected, found, strict=True):
            contained(*pair)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4)
    else:
        assert found == expected


def content_of(call, known):
    """Return the body of a call, with the ids that answers gave in place of the recorded ones."""
    body = call.get("body")
    if body is None:
        return None
    lines = body.get("ndjson", [body])
    for line in lines:
        if "scroll_id" in line:
            line["scroll_id"] = [known["scroll"]] if isinstance(line["scroll_id"], list) else known["scroll"]
        if "pit" in line:
            line["pit"]["id"] = known["pit"]
        if "pit_id" in line:
            line["pit_id"] = [known["pit"]]
        if "search_after" in line:
            line["search_after"] = known["sort"]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return gzip.compress(content) if call.get("gzip") else content


async def test_the_recording_is_answered(running, tmp_path):
    known, pages = {}, {"helpers.scan": [], "pit": []}
    async with running(tmp_path, compat=["opensearch"]) as client:
        for call in CALLS:
            headers = {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if call.get("gzip") else {})
            content = content_of(call, known)
            response = await client.request(
                call["method"], call["path"], params=call.get("query"), content=content, headers=headers
            )
            assert response.status_code == call["status"], (call["call"], response.text)
            if call["method"] == "HEAD":
                continue
            answer = response.json()
            contained(call["answer"], answer)
            if isinstance(answer, dict):
                known |= {"scroll": answer.get("_scroll_id", known.get("scroll"))}
                known |= {"pit": answer.get("pit_id", known.get("pit"))}
                hits = answer["hits"]["hits"] if "hits" in answer else []
                if hits and "sort" in hits[-1]:
                    known["sort"] = hits[-1]["sort"]
                name = "pit" if "pit" in call["call"] else call["call"]
                if name in pages:
                    pages[name] += [hit["_id"] for hit in hits]
    assert len(pages["helpers.scan"]) == len(set(pages["helpers.scan"])) == 8
    assert len(pages["pit"]) == len(set(pages["pit"])) == 4
