"""The official Python client, driven by JSON on stdin and answering with JSON on stdout, a line each.

python_client.py URL MODE; a key in MCP_SSE_KEY. Serves both generations of the package: what differs between them is in
one class each.
"""

import json
import logging
import os
import sys
import warnings
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio

TEMPLATE = "ref/resource"


def say(**line):
    print(json.dumps(line), flush=True)


def plain(model):
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


def reason(error):
    """The first error inside the groups that task groups wrap around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


class Calls:
    """What both generations answer alike."""

    def __init__(self, client):
        self.client = client

    async def tools(self):
        return [tool["name"] for tool in plain(await self.client.list_tools())["tools"]]

    async def call(self, name, arguments):
        return plain(await self.client.call_tool(name, arguments))

    async def resources(self):
        return [each["uri"] for each in plain(await self.client.list_resources())["resources"]]

    async def templates(self):
        listed = plain(await self.client.list_resource_templates())["resourceTemplates"]
        return [each["uriTemplate"] for each in listed]

    async def prompt(self, name, arguments):
        return plain(await self.client.get_prompt(name, arguments))["messages"]


class Generation1(Calls):
    async def read(self, uri):
        from pydantic import AnyUrl

        return plain(await self.client.read_resource(AnyUrl(uri)))["contents"]

    async def complete(self, template, name, value):
        from mcp.types import ResourceTemplateReference

        ref = ResourceTemplateReference(type=TEMPLATE, uri=template)
        return (await self.client.complete(ref, {"name": name, "value": value})).completion.values

    async def subscribe(self, uri, _tasks):
        from pydantic import AnyUrl

        await self.client.subscribe_resource(AnyUrl(uri))

    @staticmethod
    @asynccontextmanager
    async def connect(url, headers, _mode):
        from mcp import ClientSession
        from mcp.client.sse import sse_client
        from mcp.client.streamable_http import streamablehttp_client

        async def heard(message):
            notification = getattr(message, "root", None)
            if getattr(notification, "method", "") == "notifications/resources/updated":
                say(updated=str(notification.params.uri))

        open_transport = sse_client if url.endswith("/sse") else streamablehttp_client
        async with open_transport(url, headers=headers) as streams:
            async with ClientSession(streams[0], streams[1], message_handler=heard) as session:
                greeting = await session.initialize()
                say(connected=greeting.protocolVersion)
                yield Generation1(session)


class Generation2(Calls):
    async def read(self, uri):
        return plain(await self.client.read_resource(uri))["contents"]

    async def complete(self, template, name, value):
        from mcp_types import ResourceTemplateReference

        ref = ResourceTemplateReference(type=TEMPLATE, uri=template)
        return (await self.client.complete(ref, {"name": name, "value": value})).completion.values

    async def subscribe(self, uri, tasks):
        if self.client.protocol_version < "2026":
            await self.client.subscribe_resource(uri)
        else:
            await tasks.start(self.listen, uri)

    async def listen(self, uri, task_status):
        try:
            async with self.client.listen(resource_subscriptions=[uri]) as stream:
                task_status.started()
                async for event in stream:
                    say(updated=event.uri)
                say(ended={"uri": uri, "how": "graceful"})
        except Exception as error:
            say(ended={"uri": uri, "how": reason(error)})

    @staticmethod
    @asynccontextmanager
    async def connect(url, headers, mode):
        from mcp import Client
        from mcp.client.sse import sse_client
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared._httpx_utils import create_mcp_http_client
        from mcp_types import ResourceUpdatedNotification

        async def heard(message):
            # A listen stream hands over its own.
            if isinstance(message, ResourceUpdatedNotification) and client.protocol_version < "2026":
                say(updated=str(message.params.uri))

        async with create_mcp_http_client(headers=headers) as http:
            sse = url.endswith("/sse")
            transport = sse_client(url, headers=headers) if sse else streamable_http_client(url, http_client=http)
            client = Client(transport, mode=mode, message_handler=heard)
            async with client:
                say(connected=client.protocol_version)
                yield Generation2(client)


async def answer(calls, tasks, id, name, args):
    try:
        if name == "subscribe":
            args = [*args, tasks]
        say(id=id, result=await getattr(calls, name)(*args))
    except Exception as error:
        say(id=id, error=reason(error))


async def main(url, mode):
    key = os.environ.get("MCP_SSE_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    generation = Generation1 if version("mcp").startswith("1.") else Generation2
    async with generation.connect(url, headers, mode) as calls, anyio.create_task_group() as tasks:
        # Left alone when the client's own tasks fail: it cancels whoever runs inside of it.
        while line := await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
            tasks.start_soon(lambda asked: answer(calls, tasks, **asked), json.loads(line))
        tasks.cancel_scope.cancel()


warnings.simplefilter("ignore")
logging.disable(logging.ERROR)
try:
    anyio.run(main, *sys.argv[1:])
except Exception as error:
    print(reason(error), file=sys.stderr, flush=True)
    # Not sys.exit, which would wait for the thread that reads stdin.
    os._exit(1)
