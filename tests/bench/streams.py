"""Pebble's server under load: 64 streams at once for a minute, each with a question of its own.

    python tests/bench/streams.py [seconds]

Every answer is compared with the one that the same question gets from an idle server, so that nothing lost or
mixed up goes unseen. Ends with status 1 if an answer was wrong, a request failed, or memory grew by more than a
tenth after the first ten seconds.
"""

import asyncio
import re
import subprocess
import sys
import time

import openai
import psutil

from pebble.corpus import terms

STREAMS, WARM = 64, 10  # at once; seconds until memory is to stay as it is


async def ask(client: openai.AsyncOpenAI, question: str) -> str:
    messages = [{"role": "user", "content": question}]
    stream = await client.chat.completions.create(model="pebble", messages=messages, stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def load(url: str, server: psutil.Process, seconds: float) -> bool:
    questions = [f"What is {term}?" for term, _, _ in terms()[:STREAMS]]
    counts = {"right": 0, "wrong": 0, "failed": 0}
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        alone = [await ask(client, question) for question in questions]
        begun = time.monotonic()

        async def one(question: str, expected: str) -> None:
            while time.monotonic() < begun + seconds:
                try:
                    counts["right" if await ask(client, question) == expected else "wrong"] += 1
                except openai.OpenAIError:
                    counts["failed"] += 1

        streams = asyncio.gather(*map(one, questions, alone))
        await asyncio.sleep(min(WARM, seconds / 2))
        early = server.memory_info().rss
        await streams
    late = server.memory_info().rss
    print(
        f"{STREAMS} streams for {seconds:.0f} s: {counts['right']} right answers, {counts['right'] / seconds:.0f}"
    )
    print(f"a second; {counts['wrong']} wrong, {counts['failed']} failed.")
    print(f"Memory {early / 1e6:.0f} MB after {WARM} s, {late / 1e6:.0f} MB at the end.")
    return counts["right"] > 0 and not counts["wrong"] + counts["failed"] and late < 1.1 * early


def main() -> int:
    begun = time.perf_counter()
    command = [sys.executable, "-m", "pebble.server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout
        url = re.search(r"http://\S+:\d+", served.stdout.readline())
        assert url, "the server did not say where it listens"
        process = psutil.Process(served.pid)
        print(f"The server starts in {time.perf_counter() - begun:.2f} s and takes", end=" ")
        print(f"{process.memory_info().rss / 1e6:.0f} MB of memory.")
        try:
            return 0 if asyncio.run(load(url[0], process, float((sys.argv[1:] or [60])[0]))) else 1
        finally:
            served.terminate()


if __name__ == "__main__":
    sys.exit(main())
