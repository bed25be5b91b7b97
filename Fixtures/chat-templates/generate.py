#!/usr/bin/env python3
"""Renders templates with Jinja as transformers' apply_chat_template does, and writes what came out as golden files.

    python3 Fixtures/chat-templates/generate.py

Needs jinja2 3.1.6. Reads expressions.txt (a template a line), blocks.txt (templates between lines of ----) and
templates/*.jinja beside it, writes snippets.json and conversations.json.
"""

import datetime
import json
import pathlib

import jinja2
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).parent
NOW = datetime.datetime(2024, 7, 26, 15, 4, 5, 678)


class GenerationTag(Extension):
    """transformers marks the assistant's text with this tag; rendering passes it through."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_pass"), [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _pass(self, context, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda format: NOW.strftime(format)
    return env


ENVIRONMENT = environment()


def render(template, context):
    """The output, or the kind of error: its Python type, and the line Jinja reports for syntax errors."""
    try:
        return {"output": ENVIRONMENT.from_string(template).render(**context)}
    except jinja2.TemplateSyntaxError as error:
        return {"error": type(error).__name__, "line": error.lineno}
    except jinja2.TemplateError as error:
        result = {"error": type(error).__name__}
        if type(error) is jinja2.TemplateError:
            result["message"] = error.message
        return result
    except Exception as error:
        return {"error": type(error).__name__}


CONTEXT = {
    "n": 7, "z": 0, "neg": -3, "f": 2.5, "t": True, "nothing": None, "empty": "", "s": "Hello, World",
    "u": "Ünïcödé – 日本 🙂", "multi": "one\ntwo\n\n  three  ", "words": "the quick brown fox",
    "list": [3, 1, 2], "names": ["bob", "Alice", "carol"], "mixed": [1, "a", None, 2.0, True],
    "nested": [[1, 2], [3, [4]]], "d": {"b": 1, "a": 2, "items": 3, "C": None},
    "people": [
        {"name": "Ann", "age": 30, "tags": ["x", "y"]},
        {"name": "bob", "age": 25, "tags": []},
        {"name": "Cyd", "age": 30},
    ],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": " Hi! "},
        {"role": "assistant", "content": "Hello"},
    ],
}

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather at a place, <now> & \"here\"",
            "parameters": {
                "type": "object",
                "properties": {
                    "place": {"type": "string", "description": "e.g. Zürich"},
                    "days": {"type": "integer", "enum": [1, 3, 7]},
                    "units": {"type": "string", "enum": ["C", "F"], "default": "C"},
                    "where": {
                        "type": "object",
                        "properties": {"lat": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}},
                        "required": ["lat"],
                    },
                },
                "required": ["place"],
            },
        },
    },
    {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}}},
]

SYSTEM = {"role": "system", "content": "You are terse."}
TURNS = [
    {"role": "user", "content": "Hello there  "},
    {"role": "assistant", "content": "  Hi. What can I do?"},
    {"role": "user", "content": "Tell me a joke\nabout <tags> & 日本 🙂"},
]
CALLS = TURNS[:1] + [
    {
        "role": "assistant", "content": None,
        "tool_calls": [
            {"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": {"place": "Zürich", "days": 3}}}
        ],
    },
    {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "{\"temp\": 21.5}"},
    {"role": "tool", "name": "now", "tool_call_id": "call00002", "content": "noon"},
    {"role": "assistant", "content": "<think>\nhot\n</think>\n\nIt is 21.5 °C."},
    {"role": "user", "content": "Thanks"},
]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "What is"}, {"type": "image"}, {"type": "text", "text": "this?"}]}]

CONVERSATIONS = {
    "plain": {"messages": TURNS},
    "system": {"messages": [SYSTEM] + TURNS},
    "generation": {"messages": [SYSTEM] + TURNS, "add_generation_prompt": True},
    "answered": {"messages": TURNS + [{"role": "assistant", "content": "No."}]},
    "alternation": {"messages": TURNS[:1] + TURNS[:1], "add_generation_prompt": True},
    "tools": {"messages": [SYSTEM] + CALLS, "tools": TOOLS, "add_generation_prompt": True},
    "calls": {"messages": CALLS, "add_generation_prompt": True},
    "parts": {"messages": PARTS, "add_generation_prompt": True},
    "none": {"messages": []},
    "thinking": {"messages": TURNS, "add_generation_prompt": True, "enable_thinking": False, "date_string": "26 Jul 2024"},
}


def write(name, value):
    (HERE / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def main():
    assert jinja2.__version__ == "3.1.6", jinja2.__version__
    snippets = (HERE / "expressions.txt").read_text().removesuffix("\n").split("\n")
    snippets += (HERE / "blocks.txt").read_text().split("\n----\n")
    cases = [{"template": snippet, **render(snippet, CONTEXT)} for snippet in snippets]
    write("snippets.json", {"context": CONTEXT, "cases": cases})

    cases = []
    for path in sorted((HERE / "templates").glob("*.jinja")):
        # A template's own final newline matters no more than Jinja lets it.
        template = path.read_text()
        for name, conversation in CONVERSATIONS.items():
            context = {
                "add_generation_prompt": False, "tools": None, "documents": None,
                "bos_token": "<s>", "eos_token": "</s>", **conversation,
            }
            cases.append({"template": path.name, "conversation": name, **render(template, context)})
    write("conversations.json", {"conversations": CONVERSATIONS, "cases": cases})
    failures = sum("error" in case for case in cases)
    print(f"{len(snippets)} snippets, {len(cases)} conversations of which {failures} are refused")


if __name__ == "__main__":
    main()
