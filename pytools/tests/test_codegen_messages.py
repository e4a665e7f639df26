"""The generated C++ codec against the JSON schemas: golden vectors and random messages.

The codec runs as a native process (test/property/message_codec.cpp, built here with sanitizers). In
strict mode its verdict on any payload must be that of jsonschema-rs on the effective schema, code
and path must be those of one of the schema's errors, and what it accepts it must write again with
the same meaning. Lenient mode must accept all that strict mode accepts.
"""

from __future__ import annotations

import functools
import json
import math
import re
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from vevgw.codegen.effective import effective_schema, validator
from vevgw.codegen.model import build_model
from vevgw.codegen.output import DEFAULT_OVERLAY, REPOSITORY
from vevgw.codegen.overlay import load_overlay
from vevgw.codegen.schemas import Schema, load_schemas, resolve

pytestmark = [pytest.mark.native, pytest.mark.timeout(600)]

OVERLAY = load_overlay(DEFAULT_OVERLAY)
SCHEMAS = load_schemas(OVERLAY)
MODEL = build_model(OVERLAY, SCHEMAS)
MESSAGES = [f"{action}.{direction}" for action, direction in SCHEMAS.messages]
TESTS = REPOSITORY / "test"
VECTORS = TESTS / "vectors" / "messages"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CODES = {
    "Required": "OccurenceConstraintViolation",
    "MinItems": "OccurenceConstraintViolation",
    "MaxItems": "OccurenceConstraintViolation",
    "Type": "TypeConstraintViolation",
    "AdditionalProperties": "FormationViolation",
}  # all others: PropertyConstraintViolation


@functools.cache
def effective(message: str) -> Schema:
    action, direction = message.split(".")
    return effective_schema(SCHEMAS, MODEL, action, direction)


@functools.cache
def effective_validator(message: str) -> Any:
    return validator(effective(message))


@functools.cache
def original_validator(message: str) -> Any:
    action, direction = message.split(".")
    return validator(SCHEMAS.original[action, direction])


# --- the native codec -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What the native codec said to one payload; `encoded` is None if it refused."""

    encoded: Any
    code: str = ""
    path: str = ""


class NativeCodec:
    """The native codec as a running process."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen(
            [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, message: str, text: str, *, strict: bool) -> Answer:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert "\n" not in text
        mode = "strict" if strict else "lenient"
        line = f"{message.replace('.', ' ')} {mode} {text}\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().rstrip("\n")
        word, _, rest = answer.partition(" ")
        if word == "ok":
            return Answer(json.loads(rest))
        assert word == "error", f"the codec answered {answer!r} to {line!r}"
        code, path, _ = rest.split("\t", 2)
        return Answer(None, code, path)


SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def compile_cpp(folder: Path, *arguments: str) -> None:
    """Runs clang++, twice as fast as g++ here, as a user without PlatformIO would."""
    paths = ["-I", str(REPOSITORY / "lib"), "-I", str(TESTS / "support")]
    command = ["clang++", "-std=c++17", "-Wall", "-Wextra", "-Werror"]
    command += [*SANITIZE, *paths, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The libraries json and ocpp_messages, compiled with sanitizers."""
    folder = tmp_path_factory.mktemp("objects")
    folders = [REPOSITORY / "lib" / name for name in ("common", "json", "ocpp_messages")]
    sources = [path for source in folders for path in sorted(source.rglob("*.cpp"))]
    compile_cpp(folder, "-c", *map(str, sources))
    return [str(path) for path in sorted(folder.glob("*.o"))]


@pytest.fixture(scope="module")
def codec(objects: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeCodec]:
    """The codec as a running process."""
    program = tmp_path_factory.mktemp("codec") / "codec"
    sources = [TESTS / "property" / "message_codec.cpp"]
    sources.append(TESTS / "support" / "message_codec" / "message_codec.cpp")
    compile_cpp(program.parent, *map(str, sources), *objects, "-o", program.name)
    native = NativeCodec(program)
    yield native
    assert native.process.stdin is not None
    native.process.stdin.close()
    assert native.process.wait(timeout=10) == 0, "a sanitizer found something at the end"


# --- what the schema says -------------------------------------------------------------------------


def schema_errors(message: str, payload: Any) -> set[tuple[str, str]]:
    """Returns all (code, path) that the schema finds."""
    found = set()
    for error in effective_validator(message).iter_errors(payload):
        kind = type(error.kind).__name__
        code = CODES.get(kind, "PropertyConstraintViolation")
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.instance_path)
        names = [""]
        if kind == "Required":
            names = [f".{error.kind.property}"]
        elif kind == "AdditionalProperties":
            names = [f".{name}" for name in error.kind.unexpected]
        elif kind == "FalseSchema":  # the same, where the schema has no properties at all
            code, names = CODES["AdditionalProperties"], [f".{name}" for name in payload]
        elif kind == "Type" and not path:
            code = "FormationViolation"  # the payload itself is no object
        found.update((code, (path + name).removeprefix(".")) for name in names)
    return found


def normal(root: Schema, schema: Schema, value: Any) -> Any:
    """Returns a valid value as the codec writes it."""
    schema, _ = resolve(root, schema)
    if schema.get("type") == "array":
        return [normal(root, schema["items"], item) for item in value]
    if schema.get("type") == "object":
        return {k: normal(root, schema["properties"][k], item) for k, item in value.items()}
    if schema.get("format") == "date-time":
        return normal_time(value)
    return "Celcius" if value == "Celsius" and "enum" in schema else value


def normal_time(text: str) -> str:
    match = re.fullmatch(r"(.{17})(\d\d)(?:\.(\d+))?(.+)", text.upper())
    assert match is not None
    time = datetime.fromisoformat(f"{match[1]}00{match[4]}").astimezone(UTC)
    time += timedelta(seconds=int(match[2]), milliseconds=int((match[3] or "")[:3].ljust(3, "0")))
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z".rjust(24, "0")


def agree(codec: NativeCodec, message: str, payload: Any, text: str) -> None:
    """Checks the codec's answer to one payload against the schema."""
    errors = schema_errors(message, payload)
    strict = codec.ask(message, text, strict=True)
    lenient = codec.ask(message, text, strict=False)
    if not errors:
        schema = effective(message)
        assert strict == Answer(normal(schema, schema, payload))
        assert lenient == strict
    else:
        assert strict.encoded is None, f"accepted, but the schema says {errors}"
        assert (strict.code, readable(strict.path)) in errors


def readable(path: str) -> str:
    """Unknown names are reported as they were written, with their escapes."""
    return json.loads(f'"{path}"') if "\\" in path else path


# --- golden vectors -------------------------------------------------------------------------------


def load_vectors() -> list[dict[str, Any]]:
    return [
        vector
        for name in ("accepted.json", "refused.json")
        for vector in json.loads((VECTORS / name).read_text(encoding="utf-8"))
    ]


def test_vectors_accept_every_message_and_refuse_with_every_code() -> None:
    vectors = load_vectors()
    assert {v["message"] for v in vectors if "error" not in v} == set(MESSAGES)
    codes = {v["error"]["code"] for v in vectors if "error" in v}
    assert codes == {OVERLAY.error_roles[role] for role in OVERLAY.error_roles}


WITH_VERDICT = [vector for vector in load_vectors() if vector.get("schema") != "silent"]


@pytest.mark.parametrize("vector", WITH_VERDICT, ids=lambda v: f"{v['message']}: {v['name']}")
def test_vector_agrees_with_schema(vector: dict[str, Any]) -> None:
    message = vector["message"]
    try:
        payload = json.loads(vector["text"]) if "text" in vector else vector["payload"]
    except ValueError:
        assert vector["error"] == {"code": "FormationViolation", "path": ""}
        return
    errors = schema_errors(message, payload)
    if "error" in vector:
        assert (vector["error"]["code"], vector["error"]["path"]) in errors
        original = original_validator(message).is_valid(payload)
        assert original == (vector.get("original") == "accepts")
    else:
        assert errors == set()
        assert original_validator(message).is_valid(payload)
        assert effective_validator(message).is_valid(vector.get("encoded", payload))


# --- random messages ------------------------------------------------------------------------------

# Half surrogates are no text.
CHARACTERS = st.characters(exclude_categories=["Cs"])


@st.composite
def times(draw: st.DrawFn) -> str:
    """RFC 3339 texts in all their forms, leap seconds included."""
    low, high = datetime(1, 1, 2), datetime(9999, 12, 30)
    common = st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 31))
    time = draw(st.one_of(common, st.datetimes(low, high))).replace(microsecond=0)
    offset = draw(st.sampled_from([None, 0, 60, -570, 330, 1439, -1439]))
    if draw(st.integers(0, 19)) == 0:
        local = time.replace(hour=23, minute=59, second=0, tzinfo=UTC)
        local = local.astimezone(timezone(timedelta(minutes=offset or 0)))
        text = f"{local:%Y-%m-%dT%H:%M}:60".rjust(19, "0")
    else:
        text = f"{time:%Y-%m-%dT%H:%M:%S}".rjust(19, "0")
    text += draw(st.one_of(st.just(""), st.from_regex(r"\A\.[0-9]{1,12}\Z")))
    sign = "-" if (offset or 0) < 0 else "+"
    hours, minutes = divmod(abs(offset or 0), 60)
    text += (
        draw(st.sampled_from(["Z", "z"])) if offset is None else f"{sign}{hours:02}:{minutes:02}"
    )
    assume(not normal_time(text).startswith("1970-01-01T00:00:00.000"))  # UtcTime's "unknown"
    return text.replace("T", draw(st.sampled_from(["T", "t"])))


def strings(schema: Schema) -> st.SearchStrategy[str]:
    kind = schema.get("format", "")
    if kind == "date-time":
        return times()
    if kind == "uri":
        hosts = st.sampled_from(["host", "u:p@h:21", "[::1]:8080", "192.0.2.1", "a-b.example:80"])
        paths = st.from_regex(r"\A(/[A-Za-z0-9._~!$&'()*+,;=:@-]{0,9}(%[0-9a-fA-F]{2})?){0,4}\Z")
        tails = st.sampled_from(["", "?q=1&r=2", "#part", "?a/b?c#d/e?f", "?#"])
        schemes = st.sampled_from(["http", "https", "ftp", "sftp", "a+b-c.d9"])
        return st.builds("{}://{}{}{}".format, schemes, hosts, paths, tails)
    size = schema.get("maxLength", 60)
    exact = st.integers(max(0, size - 1), size).map(lambda n: "x" * n)
    text = st.one_of(st.text(CHARACTERS, max_size=min(size, 60)), exact)
    if kind.startswith("x-bytes-"):
        capacity = int(kind.removeprefix("x-bytes-"))
        return text.map(lambda t: t.encode()[:capacity].decode(errors="ignore"))
    return text


def messages(root: Schema, schema: Schema) -> st.SearchStrategy[Any]:
    """Values that the schema accepts."""
    schema, _ = resolve(root, schema)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            properties = schema.get("properties", {})
            needed = schema.get("required", [])
            parts = {name: messages(root, child) for name, child in properties.items()}
            return st.fixed_dictionaries(
                {name: parts[name] for name in parts if name in needed},
                optional={name: parts[name] for name in parts if name not in needed},
            ).flatmap(lambda made: st.permutations(list(made.items())).map(dict))
        case "array":
            items = messages(root, schema["items"])
            return st.lists(items, min_size=schema.get("minItems", 0), max_size=4)
        case "string":
            return strings(schema)
        case "integer":
            bounds = st.sampled_from([schema["minimum"], schema["maximum"], 0, -1])
            return st.one_of(st.integers(schema["minimum"], schema["maximum"]), bounds)
        case "number":
            tenths = st.integers(-(10**12), 10**12)
            return st.one_of(tenths.map(lambda n: n / 10), st.integers(-(10**9), 10**9))
        case "boolean":
            return st.booleans()
    raise AssertionError(schema)


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**31, -(2**31) - 1, 2**31 - 1, 10**12, 0, 1]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1.0, 1e2, 1.5, 0.05, 16.15, 1e12, 1e300, 5e-324]),
    st.text(CHARACTERS, max_size=70),
    st.sampled_from(
        ["", "Accepted", "accepted", "x" * 21, "x" * 51, "é" * 20, "a:b", "2026-03-01"]
    ),
    times().map(lambda t: t[:-1]),
    times().map(lambda t: t.replace("-", "/")),
    st.sampled_from([[], {}, [None], [1, "a"], {"a": 1}, [[]], [{}]]),
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yields every container with a key or index into it."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


@st.composite
def mutants(draw: st.DrawFn, valid: st.SearchStrategy[Any]) -> Any:
    """Valid messages with one to three random changes, mostly invalid."""
    payload = deepcopy(draw(valid))
    for _ in range(draw(st.integers(1, 3))):
        if not isinstance(payload, dict):
            break
        targets = list(places(payload))
        objects = [payload, *(c[k] for c, k in targets if isinstance(c[k], dict))]
        change = draw(st.integers(0, 9))
        if change == 0 and draw(st.booleans()):
            payload = deepcopy(draw(ANYTHING))
        elif change <= 2 or not targets:
            name = draw(st.one_of(st.sampled_from(["x", "idTag", "status"]), st.text(max_size=9)))
            name = re.sub(r'[^ -~]|["\\.\[ ]', "_", name) or "_"
            draw(st.sampled_from(objects)).setdefault(name, deepcopy(draw(ANYTHING)))
        elif change <= 4:
            container, key = draw(st.sampled_from(targets))
            del container[key]
        elif change == 5:
            container, key = draw(st.sampled_from(targets))
            if isinstance(container[key], str):
                container[key] += draw(st.sampled_from(["x", "x" * 20, "\u20ac" * 20, " ", "\0"]))
        else:
            container, key = draw(st.sampled_from(targets))
            container[key] = deepcopy(draw(ANYTHING))
    return payload


def text_of(payload: Any, style: int) -> str:
    """Returns one of several spellings of a payload."""
    if style == 0:
        return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    if style == 1:
        return json.dumps(payload)
    text = json.dumps(payload, separators=(" ,\t", "\r : "))
    return re.sub(r"(?<![\\\w])a(?=[a-z]{3})", r"\\u0061", text) if style == 3 else f" {text} "


HEALTH = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
PROPERTY = settings(
    max_examples=40, deadline=None, suppress_health_check=HEALTH, print_blob=True, database=None
)


@pytest.mark.parametrize("message", MESSAGES)
def test_codec_agrees_with_schema_on_random_valid_message(message: str, codec: NativeCodec) -> None:
    schema = effective(message)

    @PROPERTY
    @given(payload=messages(schema, schema), style=st.integers(0, 3))
    def check(payload: Any, style: int) -> None:
        assert effective_validator(message).is_valid(payload), "the strategy is wrong"
        agree(codec, message, payload, text_of(payload, style))

    check()


@pytest.mark.parametrize("message", MESSAGES)
def test_codec_agrees_with_schema_on_random_faulty_message(
    message: str, codec: NativeCodec
) -> None:
    schema = effective(message)

    @PROPERTY
    @given(payload=mutants(messages(schema, schema)), style=st.integers(0, 3))
    def check(payload: Any, style: int) -> None:
        agree(codec, message, payload, text_of(payload, style))

    check()


@pytest.mark.parametrize("message", MESSAGES)
def test_codec_refuses_every_truncation(message: str, codec: NativeCodec) -> None:
    payload = next(v["payload"] for v in load_vectors() if v["message"] == message)
    text = json.dumps(payload)
    step = math.ceil(len(text) / 60)
    for size in range(0, len(text), step):
        answer = codec.ask(message, text[:size], strict=False)
        assert (answer.code, answer.path) == ("FormationViolation", "")


def test_fuzz_target_survives_corpus_and_mutations(objects: list[str], tmp_path: Path) -> None:
    source = TESTS / "fuzz" / "fuzz_messages.cpp"
    compile_cpp(tmp_path, "-DFUZZ_STANDALONE", str(source), *objects, "-o", "fuzz")
    corpus = sorted((TESTS / "fuzz" / "corpus" / "messages").iterdir())
    names = {path.read_text(encoding="utf-8").split("\n")[0] for path in corpus}
    assert names == set(MESSAGES), "the corpus has a seed for every message"
    done = subprocess.run(
        [str(tmp_path / "fuzz"), "300", *map(str, corpus)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{len(corpus)} files, 300 mutations each\n"
