"""Renders every template with every case by Jinja2, set up as transformers does.

Prints JSON: for each template the SHA-256 of the texts, or which error refuses them, with the cases.

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


class Template:
    """A template in transformers' sandbox, and in one where it may change lists."""

    def __init__(self, source):
        self.strict = environment(ImmutableSandboxedEnvironment).from_string(source)
        self.lenient = environment(SandboxedEnvironment).from_string(source)

    def render(self, variables):
        """The text, and whether it took lists that may be changed."""
        # Each rendering has values of its own, since a template may change them.
        try:
            return self.strict.render(json.loads(variables)), False
        except SecurityError:
            # Some templates queue ids in a list, which transformers' sandbox refuses.
            return self.lenient.render(json.loads(variables)), True

    def outcome(self, variables):
        try:
            text, changes = self.render(variables)
        except Exception as error:
            return f"refused: {type(error).__name__}"
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        return f"changes lists: {sha256}" if changes else sha256


def outcomes(template, cases):
    """Cases by their outcome, since many of a template's texts are the same."""
    found = {}
    for name, variables in cases:
        found.setdefault(template.outcome(variables), []).append(name)
    return found


def main(folder, template=None, case=None):
    if jinja2.__version__ != JINJA:
        sys.exit(f"Expected Jinja2 {JINJA}, found {jinja2.__version__}")
    inputs = pathlib.Path(__file__).with_name("cases.json").read_text(encoding="utf-8")
    cases = [(case["name"], json.dumps(case["variables"])) for case in json.loads(inputs)]
    paths = sorted(pathlib.Path(folder).glob("*.jinja"), key=lambda path: path.name)
    sources = {path.stem: path.read_text(encoding="utf-8") for path in paths}
    if template is not None:
        print(Template(sources[template]).render(dict(cases)[case])[0], end="")
        return
    digests = {name: outcomes(Template(source), cases) for name, source in sources.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(found)}" for name, found in digests.items()]
    print("{\n" + ",\n".join(lines) + "\n}")


main(*sys.argv[1:])
