"""tools/convert: a trained LSTM of another format into the safetensors file that lstm.h reads."""

import argparse
import fnmatch
import subprocess
import sys
from pathlib import Path

from . import formats, model, report, verify
from .model import ConvertError

ENVIRONMENT = Path(__file__).with_name("environment")
EPILOG = """\
Every LSTM found in INPUT is written under its prefix, unless --name or --prefix selects; `lstm run`
and lstm_model_load take a prefix.  Then the source's own framework, where it is installed, and the
lstm command run on random input, and nothing is written if they differ by more than rounding."""


def parser():
    self = argparse.ArgumentParser(
        prog="convert", usage="tools/convert [OPTION...] INPUT -o OUTPUT.safetensors",
        description=__doc__, epilog=EPILOG, allow_abbrev=False)
    self.add_argument("input", metavar="INPUT")
    self.add_argument("-o", "--output", metavar="OUTPUT", help="the safetensors file to write")
    self.add_argument("--list", action="store_true", help="only say which LSTMs there are")
    select = self.add_mutually_exclusive_group()
    select.add_argument("--name", metavar="PATTERN", help="only the LSTMs whose name matches: rnn*")
    select.add_argument("--prefix", metavar="P", help="only the LSTM of this prefix: encoder.rnn.")
    self.add_argument("--stack", metavar="A,B,C", help="join the LSTMs of these names, each the "
                      "next one's input, as the layers of one; it gets the prefix of the first")
    self.add_argument("--only", action="store_true", help="leave out the tensors around the LSTM")
    self.add_argument("--no-verify", action="store_true", help="do not run anything")
    self.add_argument("--framework", metavar="F", choices=[f.KEY for f in formats.all_formats()],
                      help="what INPUT is, if its name and content do not tell: %(choices)s")
    return self


def install(packages):
    if packages:
        done = subprocess.run([ENVIRONMENT, *packages], stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise SystemExit(1)


def choose_format(path, framework):
    known = formats.all_formats()
    if framework:
        return next(module for module in known if module.KEY == framework)
    with open(path, "rb") as file:
        head = file.read(4096)
    for module in known:
        if module.matches(path, head):
            return module
    raise ConvertError("content", "a model of " + ", ".join(module.NAME for module in known),
                       f"{head[:8]!r}..." if head else "an empty file")


def select(lstms, options):
    """Those that --name, --prefix or --stack choose, in the order of --stack."""
    if options.stack is not None:
        return [only_of(lstms, lambda lstm, name=name: name in (lstm.name, lstm.prefix), repr(name))
                for name in options.stack.split(",")]
    if options.prefix is not None:
        return [only_of(lstms, lambda lstm: lstm.prefix == options.prefix,
                        f"prefix {options.prefix!r}")]
    if options.name is not None:
        return matching(lstms, lambda lstm: fnmatch.fnmatchcase(lstm.name, options.name),
                        f"a name like {options.name!r}")
    return lstms


def matching(lstms, wanted, text):
    chosen = [lstm for lstm in lstms if wanted(lstm)]
    if not chosen:
        raise ConvertError("LSTMs", text, ", ".join(lstm.name for lstm in lstms))
    return chosen


def only_of(lstms, wanted, text):
    return matching(lstms, wanted, text)[0]


def check(module, lstm, draft, path):
    """Verify one LSTM of the draft, and say how."""
    try:
        reference = verify.reference_of(lstm, module, path)
        result = verify.compare(lstm, draft, reference)
    except verify.Unavailable as reason:
        print(f"  note         {module.NAME}'s own results were not compared: {reason}")
        reference = verify.equations_reference(lstm)
        result = verify.compare(lstm, draft, reference)
    print(report.verified(reference, *result))


def convert(options):
    path = options.input
    module = choose_format(path, options.framework)
    install(module.REQUIREMENTS)
    lstms = module.load(path, options)
    if not lstms:
        raise ConvertError("content", "an LSTM", f"none in this {module.NAME} file")
    lstms = select(lstms, options)
    for lstm in lstms:
        lstm.check()
    if options.stack is not None:
        lstms = [model.join(lstms)]
    if options.list:
        print("\n".join(map(report.shape_line, lstms)))
        return
    if options.only:
        for lstm in lstms:
            lstm.extras = {}
    tensors, metadata = model.together(lstms)
    if not options.no_verify:
        install(module.VERIFY_REQUIREMENTS)
    with model.Draft(options.output) as draft:
        model.write(draft.temporary, tensors, metadata)
        print("\n".join(report.around(f"{path}: {module.NAME}", lstms)))
        for lstm in lstms:
            print("\n".join(report.describe(lstm, lstms)))
            if not options.no_verify:
                check(module, lstm, draft.temporary, path)
        draft.keep()
    print(f"wrote {options.output}")


def main():
    for stream in (sys.stdout, sys.stderr):  # a name in a file may be any text
        stream.reconfigure(errors="backslashreplace")
    options = parser().parse_args()
    if not options.list and not options.output:
        parser().error("-o OUTPUT.safetensors is required, or --list")
    try:
        convert(options)
    except ConvertError as error:
        fail(f"{options.input}: {error}")
    except OSError as error:
        fail(f"{error.filename or options.input}: expected a file, found: {error.strerror}")
    except KeyboardInterrupt:
        return 130
    return 0


def fail(sentence):
    sys.stdout.flush()
    print(f"convert: {sentence}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(main())
