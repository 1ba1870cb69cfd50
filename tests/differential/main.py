"""Random instances of the ONNX LSTM operator: lstm.h against ONNX Runtime, ONNX's reference evaluator
and the oracle.  See run."""

import argparse
import collections
import sys

import numpy as np

import engine
import instance
import peers

SHOWN = 20  # failures told in full
# An instance in which fp32 may lose more than this, relative to values above 1, shows nothing: cells
# without a bound can grow until errors do.
SENSITIVE = 1e-2


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.notes = collections.Counter()
        self.answered = collections.Counter()  # instances by who answered and was compared with

    def check(self, sentence):
        """One comparison; a sentence tells what is wrong with it."""
        if sentence is None:
            self.passed += 1
            return
        self.failed += 1
        if self.failed <= SHOWN:
            print(f"FAIL {sentence}", flush=True)


def differs(got, expected, tolerance, ignored):
    """None, or where `got` is farther from `expected` than the tolerance."""
    with np.errstate(invalid="ignore", over="ignore"):
        same = (np.abs(got - expected) <= tolerance) | (got == expected)
        same |= np.isnan(got) & np.isnan(expected)
    for part in ignored:
        same[part] = True
    if np.all(same):
        return None
    at = tuple(int(k) for k in np.argwhere(~same)[0])
    return (f"{np.count_nonzero(~same)} of {same.size} differ, first {list(at)}: found "
            f"{got[at]:.17g}, expected {expected[at]:.17g} +- {tolerance[at]:.2g}")


def compare(counts, one, who, got, other, expected, ignored=()):
    """All outputs of one run; expected: name -> (values, tolerance)."""
    for name in one.outputs:
        values, tolerance = expected[name]
        wrong = differs(got[name], values, tolerance,
                        [part for output, part in ignored if output == name])
        if wrong:
            counts.check(f"{who} and {other}: {name}: {wrong}; {one}")
            return
    counts.check(None)


# How far two evaluations may be apart, in the oracle's tolerances, which are one evaluation's.  The
# peers' sums have the same bounds in other orders.
EVALUATIONS = 2.0
# ONNX Runtime's functions are as exact as that in absolute terms, not in relative ones: tanh of a small
# number, for instance, is off by some 2^-24.  A handful of them is added.
RUNTIME_FUNCTIONS = 8 * 2.0 ** -24


def runs_of(one, engines, isas):
    """(who, outputs) of every way to run the instance."""
    for made in engines:
        for isa in isas if one.dtype == np.float32 else ("scalar",):
            who = f"{made.kind} {isa}"
            single = one.directions == 1
            yield who, made.run(one, isa, 1 if single and one.number % 3 == 0 else one.steps)


def examine(counts, one, engines, isas, others):
    expected = engines[0].oracle(one)
    if not all(np.all(tolerance <= SENSITIVE * np.maximum(1, np.abs(values)))
               for values, tolerance in expected.values()):
        counts.notes["instances in which fp32 errors grow too large: not compared"] += 1
        return
    counts.answered["the oracle"] += 1
    answers = []
    for other in others:
        answer, reason = other.run(one)
        if reason:
            counts.notes[f"{other.name} does not take: {reason}"] += 1
            if reason not in other.refuses:
                counts.check(f"{other.name} refuses: {reason}; {one}")
            continue
        counts.answered[other.name] += 1
        known = other.differences(one, answer, expected)
        for reason in {reason for reason, *_ in known}:
            counts.notes[f"{other.name} differs: {reason}"] += 1
        extra = RUNTIME_FUNCTIONS if isinstance(other, peers.Runtime) else 0.0
        answers.append((other, {name: (values, EVALUATIONS * expected[name][1] + extra)
                                for name, values in answer.items()},
                        [(name, part) for _, name, part in known]))
    try:
        for who, got in runs_of(one, engines, isas):
            compare(counts, one, who, got, "the oracle", expected)
            for other, values, ignored in answers:
                compare(counts, one, who, got, other.name, values, ignored)
    except engine.Refused as reason:
        counts.check(f"lstm.h refuses: {reason}; {one}")


ORACLE_FLOOR = 0.9
FEWEST = 200  # instances from which on shares say something


def check_shares(counts, instances, others):
    """A comparison that hardly takes place proves nothing."""
    floors = [("the oracle", ORACLE_FLOOR), *((other.name, other.floor) for other in others)]
    for name, floor in floors:
        answered = counts.answered[name]
        counts.notes[f"{name} answered and was compared with"] = answered
        if instances >= FEWEST:
            counts.check(None if answered >= floor * instances else
                         f"{name} answered {answered} of {instances} instances, expected "
                         f"{floor:.0%} of them at least")


def main():
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of all random numbers")
    parser.add_argument("--count", type=int, default=3000, help="of instances")
    parser.add_argument("--instance", type=int, help="this one alone")
    arguments = parser.parse_args()

    counts = Counts()
    engines = [engine.Engine(kind) for kind in engine.KINDS]
    isas = [isa for isa in engine.ISAS if engines[0].supports(isa)]
    for isa in engine.ISAS:
        if isa not in isas:
            counts.skipped += 1
            print(f"SKIP {isa}: not in this build or not on this CPU")
    others = [peers.Runtime(), peers.Reference()]
    numbers = range(arguments.count)
    if arguments.instance is not None:
        numbers = [arguments.instance]
    print(f"seed {arguments.seed}, {len(numbers)} instances, {', '.join(isas)}, "
          f"{' and '.join(other.name for other in others)}", flush=True)
    for number in numbers:
        one = instance.Instance(arguments.seed, number)
        counts.notes[f"{np.dtype(one.dtype).name} instances"] += 1
        examine(counts, one, engines, isas, others)
    check_shares(counts, len(numbers), others)
    for note, count in sorted(counts.notes.items()):
        print(f"{count:6} {note}")
    print(f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return 0 if counts.passed and not counts.failed else 1


if __name__ == "__main__":
    sys.exit(main())
