"""What a task needs to know, and where its results go.

A task that runs on a Holdfast node finds this module without installing it; there
is nothing to set up, and it needs nothing but Python 3.8 or later.

    import holdfast

    rate = holdfast.params["rate"]            # a value of [parameters.rate]
    raw = holdfast.input("raw")               # a folder, not to be written
    token = holdfast.secret("hub", "key")     # a field of a secret, as text

    for step in range(10):
        holdfast.metric("loss", 1 / (step + 1), step)

    (holdfast.output("model") / "weights.bin").write_bytes(b"...")

Outside a node it works as well, so that a task can be tried: `params` are read from
the file that HOLDFAST_PARAMS names and are empty without one, inputs lie below
HOLDFAST_IN or ./in, outputs go below HOLDFAST_OUT or ./out, and metrics are printed.

The functions are safe to use from several threads and processes at once.
"""

import json
import math
import os
import pathlib
import sys
import threading

__all__ = ["params", "input", "output", "metric", "secret", "log", "Missing"]

#: Longest line of a metric, in bytes: a pipe keeps lines up to this length whole.
_LONGEST = 4096

_lock = threading.Lock()


class Missing(LookupError):
    """The run was not given what was asked for."""


def _place(variable, otherwise):
    return pathlib.Path(os.environ.get(variable) or otherwise)


def _read_params():
    path = os.environ.get("HOLDFAST_PARAMS")
    if not path:
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


#: The values of the parameters, by name: numbers, texts and bools. A parameter that is
#: optional, has no default and was not given is not in it: use `params.get("name")`.
params = _read_params()


def input(name):  # noqa: A001 - it is what it is called
    """The folder (or file) of an input, as a `pathlib.Path`. It can't be written to.

    Raises `Missing` if the run was not given this input.
    """
    path = _place("HOLDFAST_IN", "in") / _plain(name)
    if not path.exists():
        raise Missing("there is no input called {!r}".format(name))
    return path


def output(name=""):
    """A folder for an output, as a `pathlib.Path`; it is made. Without a name, the folder of all outputs.

    `name` is the `path` of an output in the manifest, which is its name unless it says otherwise. What lies there
    when the task ends is kept: files and folders, but no links.
    """
    path = _place("HOLDFAST_OUT", "out")
    for part in filter(None, str(name).split("/")):
        path = path / _plain(part)
    path.mkdir(parents=True, exist_ok=True)
    return path


def secret(name, field):
    """A field of a secret, as text. Don't print it: the node masks what it knows, but not what is made of it.

    Raises `Missing` if the run was not given it.
    """
    folder = os.environ.get("HOLDFAST_SECRETS")
    path = pathlib.Path(folder or "secrets") / _plain(name) / _plain(field)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Missing("there is no field {!r} of a secret called {!r}".format(field, name)) from None


def metric(name, value, step=None):
    """Reports a value: `metric("loss", 0.25, step=10)`.

    A name has 1 to 64 letters, digits and `.`, `_`, `-`, `/`. The value is anything `float` takes; infinities and
    not-a-number are kept. `step` is a whole number.
    """
    value = float(value)
    if math.isnan(value):
        shown = "nan"
    elif math.isinf(value):
        shown = "inf" if value > 0 else "-inf"
    else:
        shown = value
    line = {"name": str(name), "value": shown}
    if step is not None:
        line["step"] = int(step)
    data = (json.dumps(line) + "\n").encode("utf-8")
    if len(data) > _LONGEST:
        raise ValueError("the name of a metric has at most 64 characters")
    place = os.environ.get("HOLDFAST_METRICS")
    if not place:
        log("metric", data.decode("utf-8").strip())
        return
    # One write of at most 4096 bytes: lines of several processes don't mix.
    with _lock:
        pipe = os.open(place, os.O_WRONLY)
        try:
            os.write(pipe, data)
        finally:
            os.close(pipe)


def log(*words):
    """Prints a line to the run's log at once."""
    print(*words, file=sys.stderr, flush=True)


def _plain(name):
    name = str(name)
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError("{!r} is not a name".format(name))
    return name
