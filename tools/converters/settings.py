"""The lstm.* keys of a file that was converted before, under the rules of src/settings.h."""

import re

import numpy as np

from .model import FUNCTIONS, ConvertError

NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
ACTIVATION = re.compile(rf"(\w+)(?:\(({NUMBER})(?:,({NUMBER}))?\))?", re.ASCII)
KEYS = ("gates", "direction", "activations", "clip", "cell_clip", "input_forget", "bias")


def number(text):
    """A float of fp32's normal range, or None."""
    if not re.fullmatch(NUMBER, text, re.ASCII):
        return None
    with np.errstate(over="ignore", under="ignore"):
        value = np.float32(text)
    if not np.isfinite(value) or abs(value) < np.finfo(np.float32).tiny:
        # Zero is zero only where no digit before the exponent says otherwise.
        return 0.0 if not re.search("[1-9]", re.split("[eE]", text)[0]) else None
    return float(value)


def fail(key, expected, found):
    raise ConvertError(f"metadata 'lstm.{key}'", expected, repr(found))


def activations(text, directions):
    """The names as they stand there, with their parameters."""
    counts = (3, 6)[:directions]
    names = re.split(r",(?![^(]*\))", text)
    if len(names) not in counts:
        fail("activations", " or ".join(map(str, counts)) + " names", text)
    for name in names:
        match = ACTIVATION.fullmatch(name)
        if not match or match[1] not in FUNCTIONS:
            fail("activations", "names such as sigmoid or hardsigmoid(0.2,0.5)", name)
        given = [number(value) for value in match.groups()[1:] if value is not None]
        if given and (len(given) != FUNCTIONS[match[1]] or None in given):
            fail("activations", f"{FUNCTIONS[match[1]] or 'no'} numbers, or none, after {match[1]}",
                 name)
        if given and not any(given):
            fail("activations",
                 "parameters that are not all zero, which stands for the defaults", name)
    return tuple(names)


def direction(text, both):
    if text not in ("forward", "reverse", "bidirectional"):
        fail("direction", "forward, reverse or bidirectional", text)
    if (text == "bidirectional") != both:
        fail("direction", "bidirectional, as there are tensors of both directions" if both
             else "forward or reverse, as there are tensors of one direction", text)
    return text


def limit(key, text):
    value = number(text)
    if value is None or value <= 0:
        fail(key, "a number above 0 in the range of fp32", text)
    return value


def apply(lstm, metadata):
    """Set the options of the Lstm, whose tensors are there; whether it has a single bias."""
    given = {key[len("lstm.") :]: text for key, text in metadata.items()
             if key.startswith("lstm.")}
    for key, text in given.items():
        if key not in KEYS:
            raise ConvertError(f"metadata 'lstm.{key}'", "a key of " + ", ".join(KEYS), repr(text))
        for fixed, values in (("gates", ("ifgo",)), ("bias", ("single",)),
                              ("input_forget", ("0", "1"))):
            if key == fixed and text not in values:
                fail(key, " or ".join(values), text)
    if "direction" in given:
        lstm.direction = direction(given["direction"], lstm.directions == 2)
    if "activations" in given:
        lstm.activations = activations(given["activations"], lstm.directions)
    for key in ("clip", "cell_clip"):
        if key in given:
            setattr(lstm, key, limit(key, given[key]))
    lstm.input_forget = given.get("input_forget") == "1"
    return "bias" in given
