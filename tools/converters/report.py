"""What a person reads of a conversion."""

from .model import DEFAULT_ACTIVATIONS

BIASES = ("none", "one", "two (bias_ih, bias_hh)")


def shape_line(lstm):
    count = sum(array.size for array in lstm.tensors().values())
    kind = "LSTM cell" if lstm.cell else "LSTM"
    layers = "1 layer" if lstm.layers == 1 else f"{lstm.layers} layers"
    projection = f", projection {lstm.projection}" if lstm.projection else ""
    types = "/".join(sorted({str(array.dtype) for array in lstm.tensors().values()}))
    return (f"{lstm.name}: {kind}, {layers}, {lstm.direction}, input {lstm.input}, "
            f"hidden {lstm.hidden}{projection}, {count} parameters, {types}")


def common(lstms):
    """The notes that every LSTM has: they are about the file."""
    return [note for note in lstms[0].notes if all(note in lstm.notes for lstm in lstms)]


def around(title, lstms):
    """Lines on the file."""
    yield title
    for note in common(lstms):
        yield f"  {note}"
    names = sorted({name for lstm in lstms for name in lstm.extras})
    if names:
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        yield f"  kept beside: {', '.join(names[:6])}{more}"


def describe(lstm, lstms):
    """Lines on one LSTM of those that are written."""
    yield shape_line(lstm)
    yield f"  prefix       {lstm.prefix!r}"
    order = "as they were" if lstm.gates == "i f g o" else f"were {lstm.gates}"
    yield f"  gates        i f g o ({order})"
    yield f"  matrices     {lstm.matrices}"
    yield f"  biases       {BIASES[lstm.biases]}"
    plain = tuple(lstm.activations) == DEFAULT_ACTIVATIONS
    yield f"  activations  {' '.join(lstm.activations)}{'' if plain else ' (lstm.activations)'}"
    if "weight_peephole" in lstm.parts[0]:
        yield "  peepholes    i f o"
    for what in ("clip", "cell_clip"):
        if getattr(lstm, what):
            yield f"  {what:<11}  {getattr(lstm, what):g}"
    if lstm.input_forget:
        yield "  coupled      f = 1 - i"
    for note in lstm.notes:
        if note not in common(lstms):
            yield f"  note         {note}"


def verified(reference, error, limit):
    return (f"  verified     largest error {error:.1e} (limit {limit:.1e}) against "
            f"{reference.name} {reference.version}")
