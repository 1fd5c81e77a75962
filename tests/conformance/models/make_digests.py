"""Renders every template with every case by Jinja2, set up as transformers does.

Prints JSON: for each template and case the SHA-256 of the text, or why Jinja2 refuses.

    python3 make_digests.py FOLDER_OF_TEMPLATES [TEMPLATE CASE]

With a template and a case it prints the text itself.
"""

import datetime
import hashlib
import json
import pathlib
import sys

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import CallBlock
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment, SecurityError

JINJA = "3.1.6"
NOW = datetime.datetime(2026, 3, 5, 14, 7, 9)


class Generation(Extension):
    """`{% generation %}`, which marks what an assistant wrote."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def environment(kind):
    made = kind(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = NOW.strftime
    return made


def render(source, variables):
    """The text, and whether it took lists that may be changed."""
    try:
        return environment(ImmutableSandboxedEnvironment).from_string(source).render(variables), False
    except SecurityError:
        # Some templates keep lists of their own, which transformers' sandbox refuses to change.
        return environment(SandboxedEnvironment).from_string(source).render(variables), True


def digest(source, variables):
    try:
        text, changes = render(source, variables)
    except Exception as error:
        return {"refused": f"{type(error).__name__}: {error}"[:100]}
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return {"sha256": sha256, "changes lists": True} if changes else sha256


def main(folder, template=None, case=None):
    if jinja2.__version__ != JINJA:
        sys.exit(f"Expected Jinja2 {JINJA}, found {jinja2.__version__}")
    inputs = pathlib.Path(__file__).with_name("cases.json").read_text(encoding="utf-8")
    # Each rendering has values of its own, since a template may change them.
    cases = [(case["name"], json.dumps(case["variables"])) for case in json.loads(inputs)]
    paths = sorted(pathlib.Path(folder).glob("*.jinja"), key=lambda path: path.name)
    sources = {path.stem: path.read_text(encoding="utf-8") for path in paths}
    if template is not None:
        print(render(sources[template], json.loads(dict(cases)[case]))[0], end="")
        return
    digests = {
        name: {case: digest(source, json.loads(variables)) for case, variables in cases}
        for name, source in sources.items()
    }
    print(json.dumps(digests, indent=1, ensure_ascii=False))


main(*sys.argv[1:])
